# A stand-in for Honeybadger's tasks for Capistrano.
task("honeybadger:deploy") { run_locally { raise "a notice was sent" } }

after "deploy:finished", "honeybadger:deploy"
