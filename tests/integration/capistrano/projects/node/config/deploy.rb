set :application, "chat"
set :repo_url, "https://git.example.com/acme/chat.git"
set :nvm_node, "v20.11.0"
set :npm_flags, "--production --silent"
append :linked_dirs, "node_modules", "logs"

namespace :pm2 do
  task :reload do
    on roles(:app), in: :sequence, wait: 5 do
      within(current_path) { execute :pm2, "reload", "ecosystem.config.js" }
    end
  end
  task :save do
    on(roles(:app)) { execute :pm2, "save" }
  end
  after :reload, :save
end

after "deploy:published", "pm2:reload"
after "deploy:failed", "pm2:reload"
