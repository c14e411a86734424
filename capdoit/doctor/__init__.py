"""Checks of what deploys depend on: the controller's programs, the condition of each host, the route of ssh."""
