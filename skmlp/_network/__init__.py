"""What a network is: its description, Keras model, weights, and outputs in NumPy."""
