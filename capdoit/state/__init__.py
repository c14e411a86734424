"""The state of a flow: the frozen request and decision, the progress folded from events, and the executor."""
