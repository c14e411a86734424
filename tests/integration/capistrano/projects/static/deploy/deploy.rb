set :application, "docs"
set :repo_url, "https://git.example.com/acme/docs.git"
set :branch, "main"
set :repo_tree, "public"
set :keep_releases, 2
set :current_directory, "htdocs"

namespace :deploy do
  desc "Build the site here"
  task :build do
    run_locally { execute :hugo, "--minify" }
  end
  before :updating, :build
  task :failed do
    run_locally { execute :echo, "failed" }
  end
end
