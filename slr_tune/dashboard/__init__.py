"""Optuna Dashboard over the studies, in the terms of the search-space file, and reading only."""

from slr_tune.dashboard.server import LOOPBACK, serve

__all__ = ["LOOPBACK", "serve"]
