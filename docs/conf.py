"""Sphinx's settings; build with `sphinx-build -W docs docs/_build`."""

from skmlp import __version__ as release

project = "skmlp"
author = "The skmlp developers"
version = release
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
# References of inherited scikit-learn docstrings to its own pages
suppress_warnings = ["ref.ref", "ref.term"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
