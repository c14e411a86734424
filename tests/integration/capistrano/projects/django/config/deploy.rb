set :application, "survey"
set :repo_url, "https://git.example.com/acme/survey.git"
set :django_settings, "survey.settings.production"
set :pip_requirements, "requirements/production.txt"
set :linked_files, %w[.env]
set :linked_dirs, %w[media]

namespace :survey do
  task :restart do
    on roles(:web) do
      execute :sudo, :supervisorctl, "restart", "survey:*"
    end
  end
end

after "deploy:publishing", "survey:restart"
