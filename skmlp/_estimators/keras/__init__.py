"""The user's own Keras networks."""
