"""The engine: fits driven through a compiled program, epoch by epoch.

It knows nothing of scikit-learn.
"""
