"""Decisions for the whole fleet, made from the facts of its hosts and from nothing else."""
