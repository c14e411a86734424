# A stand-in for capistrano-npm: its task, hook and defaults.
namespace :npm do
  desc "Install the project dependencies via npm."
  task :install do
    on roles(fetch(:npm_roles, :all)) do
      execute :npm, "install"
    end
  end
  before "deploy:updated", "npm:install"
end

namespace :load do
  task :defaults do
    set :npm_flags, "--production --silent"
    set :npm_roles, :all
  end
end
