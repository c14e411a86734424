# A stand-in for capistrano-symfony, which loads capistrano-composer.
require "capistrano/composer"
namespace :load do
  task :defaults do
    set :symfony_env, "prod"
    set :symfony_console_path, "bin/console"
  end
end

task("symfony:cache:warmup") { on(release_roles(:all)) { execute :php, "bin/console" } }
after "deploy:updated", "symfony:cache:warmup"
