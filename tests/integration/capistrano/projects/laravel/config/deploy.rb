set :application, "blog"
set :repo_url, "https://git.example.com/acme/blog.git"
set :deploy_to, "/var/www/blog"
set :linked_files, [".env"]
set :linked_dirs, %w[storage]
set :keep_releases, 3
set :composer_install_flags, "--no-dev --no-interaction"
set :php_fpm_service, "php8.2-fpm"

namespace :php do
  desc "Reload PHP-FPM"
  task :reload do
    on roles(:web) do
      execute :sudo, "systemctl reload #{fetch(:php_fpm_service)}"
    end
  end
end

namespace :artisan do
  desc "Run a command of artisan"
  task :run, [:command] do |_task, args|
    on primary(:web) do
      within(current_path) { execute :php, "artisan", args[:command] }
    end
  end
end

after "deploy:published", "php:reload"
