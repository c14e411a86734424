# A stand-in for capistrano-linked-files: its tasks, and no hook, as in the gem.
task("linked_files:upload") { on(roles(:web)) { upload! "config/database.yml", shared_path } }
