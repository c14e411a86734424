"""Projects of Capistrano: read by their own Capistrano, and written as deploy.yml and dodo.py."""
