"""The meaning of y: classes, labels or numbers, encoded for a network and decoded."""
