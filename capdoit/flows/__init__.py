"""Whole flows, however they end: deploy and rollback, the drill, and the check of what a deploy would lack."""
