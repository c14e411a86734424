"""Working on hosts: an open session on each, and a fleet of them at once."""
