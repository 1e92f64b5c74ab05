"""A training script of anybody's, run as a process behind the protocol of a run."""
