"""What is asked for: the stages of deploy.yml, its settings with their places, NAME=VALUE on the command line."""
