# A stand-in for capistrano3-delayed-job: its defaults and tasks.
namespace :load do
  task :defaults do
    set :delayed_job_workers, 1
    set :delayed_job_queues, nil
    set :delayed_job_roles, [:app]
    set :delayed_job_bin_path, "bin"
  end
end
namespace :delayed_job do
  %i[stop start restart].each { |name| task(name) { on(roles(fetch(:delayed_job_roles))) { execute :true } } }
end
after "deploy:published", "delayed_job:restart"
