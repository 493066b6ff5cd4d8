"""A search of scikit-learn whose fits meet, to be trained together."""
