"""Fitted estimators in other forms: pipelines as one Keras model, types in saved files."""
