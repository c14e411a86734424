server "blog.example.com", user: "www-data", roles: %w[web app db]
