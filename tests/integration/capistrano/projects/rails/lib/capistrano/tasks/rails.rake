namespace :rails do
  desc "Open a console on the primary"
  task :console do
    on primary(:app) do |host|
      exec "ssh #{host} -t 'cd #{current_path} && bin/rails console'"
    end
  end
end
