# A stand-in for capistrano-nvm: it looks for the version on every host as soon as a stage is loaded.
task("nvm:validate") { on(roles(fetch(:nvm_roles, :all))) { exit 1 unless test("[ -d #{fetch(:nvm_path)} ]") } }

Capistrano::DSL.stages.each { |stage| after stage, "nvm:validate" }
