"""Records on hosts, as they are read and written: the journal, manifests, facts and history."""
