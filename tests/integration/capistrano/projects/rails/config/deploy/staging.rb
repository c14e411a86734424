set :rails_env, "staging"
server "stage1.example.com", user: "deploy", roles: %w[app web db worker]
