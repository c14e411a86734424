set :branch, "release"
set :rails_env, "production"
server "web1.example.com", user: "deploy", roles: %w[app web], primary: true
server "web2.example.com", user: "deploy", roles: %w[app web]
server "db1.example.com", user: "deploy", roles: %w[db worker], port: 2222
