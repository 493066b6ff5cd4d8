"""The engine: arrays and a network in, trained weights and a history out.

It knows nothing of scikit-learn.
"""
