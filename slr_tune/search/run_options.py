"""How to run a search, and what a run did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slr_tune.space import StudySpec
from slr_tune.study.outage import WAIT_SECONDS
from slr_tune.study.recovery import Recovery
from slr_tune.training.card_use import CardUse
from slr_tune.training.interrupt import StopRequest
from slr_tune.training.shipping import Shipping
from slr_tune.training.teacher import Teacher

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class RunOptions:
    """How to run a search; none of it changes what is searched.

    Attributes:
        storage: Database URL, None for the default.
        address: Ray cluster, None for this machine.
        shipping: What is sent to its nodes, None for nothing.
        allow_weak_teacher: Go on with a teacher that is worse than the baseline student.
        check: Checks of the space to begin with, None for none. Takes the space and the database,
            returns a line to show, raises what refuses the space.
        retry_failed: Put the failed trials back into the queue first.
        measure: Trains one trial on a card for `gpus_per_trial: auto`; takes the space and the
            database, gives what it took. None to give each trial a whole card.
        wait_for_database: Seconds that a search waits for a database that is away.
        history: Where earlier runs are that the study begins with, see `importing.open_source`.
        started: When the command began, as `time.monotonic` gives it: `budget: {hours: ...}` counts
            from there. None for when the search begins.
        typed: Command-line options, for `study.yaml`: see `LastRun`.
    """

    storage: str | None = None
    address: str | None = None
    shipping: Shipping | None = None
    allow_weak_teacher: bool = False
    check: Callable[[StudySpec, str | None], str] | None = None
    typed: Mapping[str, Any] = field(default_factory=dict)
    retry_failed: bool = False
    measure: Callable[[StudySpec, str | None], CardUse | None] | None = None
    history: tuple[str, ...] = ()
    started: float | None = None
    wait_for_database: float = WAIT_SECONDS


@dataclass(frozen=True)
class SearchOutcome:
    """What a run did.

    Attributes:
        started: Trials that this run started or took up again.
        recovery: What it found of an earlier one.
        stop: Who asked to end before it was done, None where nobody did.
        parked: Trials that wait for the next start.
        teacher: The teacher, None where there is none or nothing had to be run.
        time_is_up: Whether `budget: {hours: ...}` ended it before all was done that was requested.
    """

    started: int
    recovery: Recovery
    stop: StopRequest | None = None
    parked: tuple[int, ...] = ()
    teacher: Teacher | None = None
    time_is_up: bool = False

    @property
    def interrupted(self) -> bool:
        """Whether somebody ended it."""
        return self.stop is not None
