# A stand-in for capistrano-passenger: its task and hook.
task("passenger:restart") { on(roles(fetch(:passenger_roles, :app)), in: :sequence, wait: 5) { execute :passenger } }

after "deploy:published", "passenger:restart"
