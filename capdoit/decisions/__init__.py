"""Decisions for all hosts of a flow: pure functions of the facts of these hosts."""
