"""Decisions for the whole fleet: pure functions of the facts of its hosts."""
