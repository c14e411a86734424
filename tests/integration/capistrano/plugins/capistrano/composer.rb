# A stand-in for capistrano-composer: its tasks, hooks and defaults.
namespace :load do
  task :defaults do
    set :composer_install_flags, "--no-dev --prefer-dist --no-interaction --quiet --optimize-autoloader"
    set :composer_roles, :all
  end
end

task("composer:install") { on(release_roles(fetch(:composer_roles))) { execute :composer, "install" } }
before "deploy:updated", "composer:install"
before "deploy:reverted", "composer:install"
