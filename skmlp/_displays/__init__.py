"""Training to look at: learning rates, loss curves, weights."""
