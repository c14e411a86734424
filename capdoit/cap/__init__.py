"""`doit cap`: looking around, and the first deploy.yml; what changes hosts are tasks (``tasks.py``).

A subcommand is a module of its name, with a function of its name.
"""
