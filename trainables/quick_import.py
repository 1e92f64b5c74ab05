"""Imports of large libraries, a fifth quicker."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Looks for no garbage for the time of a block.

    What an import makes stays. Python would go through all of it again and again: a worker that
    imports torch and Ray Tune spends a fifth of that time so.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
