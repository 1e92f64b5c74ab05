"""What each decision needs of every trial, computed again only for trials that changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress, count
from operator import is_not
from typing import Generic, TypeVar

from optuna.trial import FrozenTrial

T = TypeVar("T")


class PerTrial(Generic[T]):
    """A function's value for each trial of a study, kept up to date with each change.

    A trial that changed has to be another object, as it is with `BufferedStorage` and with Optuna's
    own storages. Starts with nothing, so that the first look is one at all trials.
    """

    def __init__(self, function: Callable[[FrozenTrial], T]) -> None:
        """Looks at no trial yet.

        Args:
            function: Computes something that depends on this trial alone.
        """
        self._function = function
        self._trials: Sequence[FrozenTrial] = ()
        self._values: list[T] = []

    def look(self, trials: Sequence[FrozenTrial]) -> list[T]:
        """The values of each of these trials; the list may be changed by the next look.

        Args:
            trials: As they are now; the sequence must not be changed from now on.
        """
        values = self._values
        for place in compress(count(), map(is_not, trials, self._trials)):
            values[place] = self._function(trials[place])
        del values[len(trials) :]  # a new trial whose suggestion failed
        values += map(self._function, trials[len(values) :])
        self._trials = trials
        return values
