server "survey.example.com", user: "survey", roles: %w[web], ssh_options: { port: 2022 }
