# A stand-in for capistrano-django: its tasks and hooks.
task("django:setup") { on(roles(:all)) { execute :python, "manage.py" } }
after "deploy:updated", "django:setup"
