set :application, "my_site"
set :repo_url, "git@git.example.com:acme/site.git"
set :branch, :main
set :deploy_to, "/var/www/site/"
set :linked_files, fetch(:linked_files, []).push("wp-config.php", ".htaccess")
set :linked_dirs, fetch(:linked_dirs, []).push("wp-content/uploads", "wp-content/uploads")
set :local_url, "http://site.test"
set :db_password, "correct horse"

namespace :db do
  desc "Fetch the database"
  task :pull do
    on roles(:web) do
      within(current_path) { execute :wp, "db export dump.sql" }
      download! "#{current_path}/dump.sql", "dump.sql"
    end
  end
end
