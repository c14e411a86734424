# A stand-in for whenever's tasks for Capistrano.
namespace(:load) { task(:defaults) { set :whenever_roles, fetch(:whenever_roles, :db) } }
task("whenever:update_crontab") { on(roles(fetch(:whenever_roles, :db))) { execute :whenever } }

after "deploy:updated", "whenever:update_crontab"
