"""An epoch as one compiled function: the recipe, the forward pass, the optimizer's step."""
