"""The flows deploy and rollback, the drill, and the check before a deploy."""
