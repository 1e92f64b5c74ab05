"""A thread that makes the next items while the last one is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")

_POLL_SECONDS = 0.1
"""How soon a thread whose items nobody wants any more notices."""


def prefetched(items: Iterable[Item], *, ahead: int = 2) -> Generator[Item, None, None]:
    """Gives the same items in the same order; a thread makes them, some ahead.

    What raises in the thread is raised here, behind the items that came before it. The thread ends
    with the last item, and when this iterator is closed or thrown away.

    Args:
        items: What is iterated over, in the thread alone.
        ahead: Items that may wait.
    """
    waiting: queue.Queue[tuple[str, object]] = queue.Queue(maxsize=ahead)
    unwanted = threading.Event()

    def put(kind: str, value: object) -> bool:
        while not unwanted.is_set():
            with suppress(queue.Full):
                waiting.put((kind, value), timeout=_POLL_SECONDS)
                return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                assert isinstance(value, BaseException)
                raise value
            yield value  # type: ignore[misc]
    finally:
        unwanted.set()
        while not waiting.empty():
            with suppress(queue.Empty):
                waiting.get_nowait()
        thread.join()
