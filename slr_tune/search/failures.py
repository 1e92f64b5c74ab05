"""What failures in a row mean: one trial's fault, the machine's, or the run's code."""

from __future__ import annotations

import logging

from slr_tune.errors import RunFailed
from slr_tune.search.attempts import LIMIT, Attempts
from slr_tune.search.worker_report import last_word
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.store import StudyStore

logger = logging.getLogger(__name__)

ERRORS_IN_A_ROW = 3
"""Trials that may fail by an error in a row, none reporting an epoch, before the run ends."""


class Failures:
    """Counts them, and ends the run where no trial gets on."""

    def __init__(self, store: StudyStore, attempts: Attempts) -> None:
        """Nothing has failed yet."""
        self._store, self._attempts = store, attempts
        self._errors_in_a_row = 0

    def epoch_came(self) -> None:
        """A trial reported an epoch: the run's code works."""
        self._errors_in_a_row = 0

    def failed_to_start(
        self, live: LiveTrial, reason: str, error: str, *, shares_card: bool
    ) -> int | None:
        """A trial did not reach its first epoch: try it again, or find out whose fault it is.

        Args:
            live: The trial.
            reason: As a trial's record has it.
            error: Text of the error.
            shares_card: Whether it has a part of a GPU.

        Returns:
            As of `blame_machine`.

        Raises:
            RunFailed: As of `blame_machine`.
        """
        number = live.number
        times = self._attempts.fail(number, crowded=reason == "oom" and shares_card)
        if times >= LIMIT and self._attempts.in_a_row < LIMIT and reason in ("oom", "killed"):
            # Others reached theirs meanwhile.
            self._attempts.forget(number)
            self._store.finish(live, reason, error=error)
            return None
        logger.warning(
            "trial %d did not reach its first epoch and will be tried again: %s",
            number,
            last_word(error),
        )
        return self.blame_machine(number, error)

    def blame_machine(self, number: int, error: str) -> int | None:
        """Looks whether so many failed in a row that the machine is at fault.

        Args:
            number: The last trial.
            error: Text of its error.

        Returns:
            Trials that get on, so that as many may run side by side; None while no machine is
            to blame.

        Raises:
            RunFailed: No trial gets on.
        """
        if self._attempts.in_a_row < LIMIT:
            return None
        busy = self._attempts.busy(self._store.live)
        if busy:
            self._attempts.in_a_row = 0
            logger.warning("continuing with %d trials at a time", busy)
            return busy
        raise RunFailed(
            f"{LIMIT} runs in a row made no progress, the last (trial {number}) with: "
            f"{last_word(error)}",
            hint="No trial is charged with it; they wait. Free the memory or the GPU, take fewer "
            "--workers, or mount the missing folder; then run the same command again.",
        )

    def count_error(self, number: int, error: str) -> None:
        """A trial ended by an error of the run, without an epoch.

        Raises:
            RunFailed: So did those before it.
        """
        self._errors_in_a_row += 1
        if self._errors_in_a_row >= ERRORS_IN_A_ROW:
            raise RunFailed(
                f"{ERRORS_IN_A_ROW} trials in a row failed before their first epoch, the last "
                f"(trial {number}) with: {last_word(error)}",
                hint=f"See slr-tune show {self._store.spec.study} --trial {number} for the whole "
                "error.",
            )
