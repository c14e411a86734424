server "docs.example.com", user: "www", roles: :web
