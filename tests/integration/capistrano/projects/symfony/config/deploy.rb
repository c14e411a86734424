set :application, "portal"
set :repo_url, "ssh://git@git.example.com/acme/portal.git"
set :linked_files, [".env.local"]
set :linked_dirs, ["var/log", "public/media"]
set :ssh_options, { keys: ["~/.ssh/portal"], keys_only: true, forward_agent: false, verify_host_key: :never }

namespace :deploy do
  task :migrate do
    on primary(:db) do
      within(release_path) { execute :php, "bin/console", "doctrine:migrations:migrate", "--no-interaction" }
    end
  end
end

after "deploy:updated", "deploy:migrate"
after "deploy:finishing", "deploy:cleanup"
