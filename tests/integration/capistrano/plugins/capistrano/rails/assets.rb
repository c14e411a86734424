# A stand-in for the assets of capistrano-rails: its tasks, hooks and defaults.
namespace :load do
  task :defaults do
    set :assets_roles, fetch(:assets_roles, [:web])
    set :assets_prefix, fetch(:assets_prefix, "assets")
    set :linked_dirs, fetch(:linked_dirs, []).push("public/#{fetch(:assets_prefix)}")
  end
end

namespace :deploy do
  desc "Compile assets"
  task :compile_assets do
    on release_roles(fetch(:assets_roles)) do
      execute :rake, "assets:precompile"
    end
  end
  task(:set_rails_env) { set :rails_env, fetch(:rails_env) || fetch(:stage) }
  after "deploy:updated", "deploy:compile_assets"
end

Capistrano::DSL.stages.each { |stage| after stage, "deploy:set_rails_env" }
