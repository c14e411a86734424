# A stand-in for whenever's tasks for Capistrano.
task("whenever:update_crontab") { on(roles(fetch(:whenever_roles, :db))) { execute :whenever } }

after "deploy:updated", "whenever:update_crontab"
