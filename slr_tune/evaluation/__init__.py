"""How good a checkpoint is: decoded in several ways, with intervals, errors and speed."""
