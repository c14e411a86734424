# A stand-in for capistrano-yarn: its task, hook and defaults.
namespace :yarn do
  desc "Install the project dependencies via yarn."
  task :install do
    on roles(fetch(:yarn_roles, :all)) do
      execute :yarn, "install"
    end
  end
  before "deploy:updated", "yarn:install"
end

namespace :load do
  task :defaults do
    set :yarn_flags, "--production --silent"
    set :yarn_roles, :all
  end
end
