# A stand-in for the migrations of capistrano-rails: its tasks, hooks and defaults.
namespace :load do
  task :defaults do
    set :migration_role, fetch(:migration_role, :db)
    set :conditionally_migrate, fetch(:conditionally_migrate, false)
  end
end

namespace :deploy do
  desc "Runs rake db:migrate if migrations are set"
  task :migrate do
    on primary(fetch(:migration_role)) do
      execute :rake, "db:migrate"
    end
  end
  after "deploy:updated", "deploy:migrate"
end
