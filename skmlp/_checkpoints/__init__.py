"""A fit as a file: what is saved, how, and what decides that two fits are equal."""
