"""Hooks of projects and recipes: declaration, arguments, options, discovery and manuals."""
