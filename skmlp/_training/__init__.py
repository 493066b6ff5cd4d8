"""One fit, from a job to its fitted network, alone or in a stack."""
