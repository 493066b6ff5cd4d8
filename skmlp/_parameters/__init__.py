"""Rules and texts of the parameters of constructors and of `fit`."""
