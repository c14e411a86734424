server "stage.example.com", user: "deploy", roles: %w[app web db], password: "hunter2hunter2"
