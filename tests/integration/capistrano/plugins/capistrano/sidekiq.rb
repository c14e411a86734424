# A stand-in for capistrano-sidekiq: its tasks and hooks.
namespace :sidekiq do
  %i[quiet stop start restart].each { |name| task(name) { on(roles(fetch(:sidekiq_roles, :worker))) { execute name } } }
end

after "deploy:starting", "sidekiq:quiet"
after "deploy:updated", "sidekiq:stop"
after "deploy:published", "sidekiq:start"
after "deploy:failed", "sidekiq:restart"
