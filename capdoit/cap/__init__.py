"""`doit cap`: looking around, unlocking, running a command, and the first deploy.yml; flows are tasks (``tasks.py``).

A subcommand is a module of its name, with a function of its name.
"""
