"""The built-in training runs and what one epoch of them is made of."""
