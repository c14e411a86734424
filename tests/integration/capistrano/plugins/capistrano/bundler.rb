# A stand-in for capistrano-bundler: its tasks, hooks and defaults.
namespace :load do
  task :defaults do
    set :bundle_roles, :all
    set :bundle_path, -> { shared_path.join("bundle") }
    set :bundle_without, "development:test"
    set :bundle_flags, "--quiet"
    set :bundle_jobs, 4
  end
end

namespace :bundler do
  desc "Install the current Bundler environment."
  task :install do
    on roles(fetch(:bundle_roles)) do
      execute :bundle, "install"
    end
  end
end

before "deploy:updated", "bundler:install"
before "deploy:reverted", "bundler:install"
