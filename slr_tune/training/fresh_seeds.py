"""Seeds for runs that are compared after a search: the same for all, and none of the search's."""

from __future__ import annotations

from itertools import islice

FIRST = 1000
"""Far from the seeds that people give a search, which are small numbers."""


def fresh_seeds(number: int, *, search_seed: int) -> tuple[int, ...]:
    """So many seeds from 1000 up, the search's own left out."""
    seeds = (seed for seed in range(FIRST, FIRST + number + 1) if seed != search_seed)
    return tuple(islice(seeds, number))
