# A stand-in for capistrano-sidekiq: its tasks and hooks.
namespace :load do
  task :defaults do
    set :sidekiq_service_unit_name, -> { "#{fetch(:application)}_sidekiq_#{fetch(:stage)}" }
    set :sidekiq_service_unit_user, :user
    set :sidekiq_roles, fetch(:sidekiq_role, :worker)
  end
end

namespace :sidekiq do
  %i[quiet stop start restart].each { |name| task(name) { on(roles(fetch(:sidekiq_roles, :worker))) { execute name } } }
end

after "deploy:starting", "sidekiq:quiet"
after "deploy:updated", "sidekiq:stop"
after "deploy:published", "sidekiq:start"
after "deploy:failed", "sidekiq:restart"
