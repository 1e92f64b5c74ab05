"""How a long work is followed and ended: the first Ctrl-C asks it to store and end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Interrupted(Exception):
    """Somebody asked to end; what is done is stored."""


@dataclass(frozen=True)
class Talk:
    """How a long work speaks with a person.

    Attributes:
        tell: Takes a line for them.
        stopped: Whether they asked to end.
    """

    tell: Callable[[str], None]
    stopped: Callable[[], bool]


@contextmanager
def interrupt_flag(announce: Callable[[str], None]) -> Iterator[threading.Event]:
    """Gives a flag that SIGINT or SIGTERM sets; a second signal raises KeyboardInterrupt.

    Outside the main thread, where signals cannot be caught, the flag is never set.
    """
    asked = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        announce("Stopping: storing what is done. Once more to end at once.")

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {name: signal.signal(name, handle) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
