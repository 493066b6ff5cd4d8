"""A network: its description, first weights, Keras model, and outputs in NumPy."""
