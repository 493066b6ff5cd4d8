"""scikit-learn's contract: `fit`, `predict`, and the attributes that fitting sets."""
