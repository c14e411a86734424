"""The subcommands of `doit cap`."""
