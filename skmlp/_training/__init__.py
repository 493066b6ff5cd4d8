"""One fit, from a job to its fitted network, alone or with the others of a search."""
