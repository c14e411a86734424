lock "~> 3.17"

set :application, "shop"
set :repo_url, "git@git.example.com:acme/shop.git"
ask :branch, `git rev-parse --abbrev-ref HEAD 2>/dev/null`.chomp
set :deploy_to, -> { "/srv/#{fetch(:application)}_#{fetch(:stage)}" }
set :rbenv_ruby, File.read(File.expand_path("../.ruby-version", __dir__)).strip

append :linked_files, "config/database.yml", "config/master.key"
append :linked_dirs, "log", "tmp/pids", "tmp/cache", "tmp/sockets", "public/uploads", "public/uploads/tmp"
set :default_env, { path: "/opt/ruby/bin:$PATH", "MAILER_KEY" => ENV["MAILER_KEY"] }
set :bundle_without, %w[development test ci].join(" ")
set :bundle_binstubs, -> { shared_path.join("bin") }
set :yarn_target_path, -> { release_path.join("client") }
set :keep_assets, 2
set :conditionally_migrate, true
set :slackistrano, { channel: "#deploys", webhook: ENV.fetch("SLACK_WEBHOOK") }
set :api_token, -> { raise "no vault here" }

namespace :deploy do
  desc "Check that everything was pushed"
  task :check_revision do
    run_locally { execute :git, "fetch" }
  end

  task :clear_cache do
    on roles(:web), in: :groups, limit: 3, wait: 10 do
      within release_path do
        execute :rake, "cache:clear"
      end
    end
  end

  before :starting, :check_revision
  after :publishing, :clear_cache
end
