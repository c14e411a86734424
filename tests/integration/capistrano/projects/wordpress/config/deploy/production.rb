set :remote_url, "https://site.example.com"
server "site.example.com", user: "www", roles: %w[web]
