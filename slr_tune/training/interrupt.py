"""How a long work is followed and ended: the first Ctrl-C, SIGTERM or SIGHUP asks it to store.

SIGTERM is what Slurm and Kubernetes send, SIGHUP what a closed terminal sends.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a command to end."""


class Interrupted(Exception):
    """Somebody asked to end; what is done is stored."""


class Terminated(KeyboardInterrupt):
    """A signal that ends the process at once, as Ctrl-C does where nothing is to be stored.

    Attributes:
        exit_code: 128 and the signal's number, as shells have it.
    """

    def __init__(self, number: int) -> None:
        """Takes the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class StopRequest(threading.Event):
    """Set once an end was requested.

    Attributes:
        number: The signal that asked.
    """

    number: int = signal.SIGINT

    @property
    def exit_code(self) -> int:
        """What the command ends with: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.number


@dataclass(frozen=True)
class Talk:
    """How a long work speaks with a person.

    Attributes:
        tell: Called with each message.
        stopped: Whether they asked to end.
        show: Takes epochs done and epochs expected, to draw how far it is; None for lines alone.
    """

    tell: Callable[[str], None]
    stopped: Callable[[], bool]
    show: Callable[[int, int], None] | None = None


@contextmanager
def interrupt_flag(announce: Callable[[str], None]) -> Iterator[StopRequest]:
    """Gives a flag that SIGINT, SIGTERM or SIGHUP sets; a second signal ends at once.

    Outside the main thread, where signals cannot be caught, the flag is never set.

    Raises:
        Terminated: In the block, at a second signal.
    """
    asked = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise Terminated(number)
        asked.number = number
        asked.set()
        if _terminal_is_gone():
            _leave_terminal()
        try:
            announce("Stopping: saving the state. Interrupt again to end at once.")
        except OSError:
            _leave_terminal()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, handle) for number in _heeded(signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_like_ctrl_c() -> None:
    """From here on SIGTERM and SIGHUP end the process as Ctrl-C does: with what is open closed."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    for number in _heeded():
        if number != signal.SIGINT:
            signal.signal(number, handle)


@contextmanager
def signals_kept() -> Iterator[None]:
    """Puts the handlers back that a block replaces: `ray.init` sets its own for SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # else it was set by C code, which Python cannot set again
                signal.signal(number, handler)


def _heeded(*always: signal.Signals) -> list[signal.Signals]:
    """Those to be caught: what `nohup` told the process to ignore stays ignored."""
    return [n for n in ENDING if n in always or signal.getsignal(n) != signal.SIG_IGN]


def _terminal_is_gone() -> bool:
    """Whether one that this process wrote to was closed. What asks may write only later."""
    for descriptor in (0, 1, 2):
        try:
            termios.tcgetattr(descriptor)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                return True
    return False


def _leave_terminal() -> None:
    """Writes into nothing what would go to a terminal that is gone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(nothing, descriptor)
    os.close(nothing)
