"""What runs write: checkpoints, curves and arrays, each written so that a crash loses nothing."""
