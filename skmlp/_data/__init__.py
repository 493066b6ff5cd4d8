"""The user's data, checked once and converted to float32 arrays."""
