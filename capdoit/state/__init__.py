"""The state of one run of a flow."""
