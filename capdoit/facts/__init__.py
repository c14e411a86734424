"""What hosts answer and keep: the survey, the journal, manifests, paths; what follows from them for a fleet."""
