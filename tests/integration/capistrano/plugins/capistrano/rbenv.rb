# A stand-in for capistrano-rbenv: it looks for the version on every host as soon as a stage is loaded, and may exit.
namespace :rbenv do
  task :validate do
    on roles(fetch(:rbenv_roles, :all)) do
      raise "a host was contacted"
    end
    exit 1 if fetch(:rbenv_ruby).nil?
  end
end

Capistrano::DSL.stages.each { |stage| after stage, "rbenv:validate" }
