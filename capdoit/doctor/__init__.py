"""What a deploy stands on: the controller's programs, the condition of each host, how ssh leads there."""
