"""Work on hosts that several steps and commands share: survey, lock, integrity, guards."""
