"""Wide & deep networks."""
