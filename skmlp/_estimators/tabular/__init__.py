"""Ensembles of networks on any table."""
