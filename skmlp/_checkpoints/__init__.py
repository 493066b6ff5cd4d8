"""A fit as a file: its contents, reading and writing, and the comparison of two fits."""
