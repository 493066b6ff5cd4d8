"""Whatever the user hands over, as float32 arrays that were checked once."""
