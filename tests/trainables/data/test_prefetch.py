"""The thread that reads ahead: it gives the same, raises here, and ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from trainables.data.prefetch import prefetched


def reading_ahead() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_items_come_in_order_and_the_thread_ends() -> None:
    assert list(prefetched(iter(range(50)), ahead=3)) == list(range(50))
    assert not reading_ahead()


def test_it_reads_so_far_ahead_and_no_further() -> None:
    """Broken if it read a whole epoch into memory."""
    made: list[int] = []
    third = threading.Event()

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    given = prefetched(items(), ahead=2)
    assert next(given) == 0
    assert third.wait(5.0)
    assert len(made) <= 4  # one used, two waiting, one in the hand
    given.close()
    assert not reading_ahead()


def test_an_error_is_raised_behind_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError(5, "a disk that fails")

    given = prefetched(items())
    assert next(given) == 1
    with pytest.raises(OSError, match="a disk that fails"):
        next(given)
    assert not reading_ahead()


def test_a_thread_whose_items_nobody_wants_ends() -> None:
    """Broken if a training that runs out of memory left its thread waiting for ever."""
    given = prefetched(iter(range(1000)), ahead=1)
    next(given)
    with pytest.raises(MemoryError):
        given.throw(MemoryError())
    assert not reading_ahead()
