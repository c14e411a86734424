"""Settings of deploy.yml, with their places in the file, and the variables of the command line."""
