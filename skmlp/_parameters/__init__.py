"""Parameters of constructors and of `fit`: declarations, checks and documentation."""
