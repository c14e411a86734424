"""What a project and its recipes add to a flow: hooks, their declaration, recipes with their options and manuals."""
