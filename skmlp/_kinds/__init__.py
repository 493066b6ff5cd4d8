"""Kinds of layer: their arrays, Keras layers, and outputs in NumPy and on tensors."""
