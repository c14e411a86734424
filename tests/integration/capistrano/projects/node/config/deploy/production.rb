%w[a b].each { |letter| server "chat-#{letter}.example.com", user: "node", roles: %w[app] }
