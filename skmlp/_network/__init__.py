"""A network: its description, Keras model, weights, and outputs in NumPy."""
