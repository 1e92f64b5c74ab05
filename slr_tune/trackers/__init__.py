"""Copies of a study for other programs: MLflow, Weights & Biases, TensorBoard's HParams."""

from slr_tune.trackers.mirror import Mirror, open_mirror

__all__ = ["Mirror", "open_mirror"]
