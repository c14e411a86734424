role :app, %w[deploy@app1.example.com:2200 deploy@app2.example.com:2200]
role :web, %w[deploy@app1.example.com:2200]
role :db, "deploy@app1.example.com:2200", no_release: false
