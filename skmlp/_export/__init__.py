"""Fitted pipelines as one Keras model: columns in, steps, networks, predictions out."""
