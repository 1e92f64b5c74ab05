"""How the steps of another program's curves become epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from slr_tune.errors import SlrTuneError


@dataclass(frozen=True)
class StepCount:
    """The way from steps to epochs, one for all runs of a source.

    Attributes:
        shift: Added to a step that is an epoch: 1 where they are counted from 0.
        ranks: Epoch of each step where they are counted in their order; empty where they are not.
        per_epoch: Steps of an epoch, where a person says so; else None.
        note: What a person should know, empty where there is nothing to know.
    """

    shift: int = 0
    ranks: tuple[int, ...] = ()
    per_epoch: float | None = None
    note: str = ""

    @classmethod
    def of(cls, steps: Iterable[int], max_epochs: int, per_epoch: float | None) -> StepCount:
        """Finds how steps are counted.

        Those that are one by one, or none above the epochs of a trial, are epochs. Others are
        optimiser steps or samples, and counted in their order; `per_epoch` says it better.

        Args:
            steps: All at which any run has the metric.
            max_epochs: Of a trial here.
            per_epoch: Steps of an epoch, None to find it.

        Raises:
            SlrTuneError: `per_epoch` is not above 0.
        """
        each = sorted(set(steps))
        if per_epoch is not None and not per_epoch > 0:
            raise SlrTuneError(f"--steps-per-epoch {per_epoch:g} must be above 0")
        if not each or per_epoch is not None:
            return cls(per_epoch=per_epoch)
        shift = 1 if each[0] == 0 else 0
        message = f"steps {each[0]} to {each[-1]} are"
        if each[-1] + shift <= max_epochs or each == [*range(each[0], each[-1] + 1)]:
            return cls(shift, note=f"{message} epochs 1 to {each[-1] + 1}" if shift else "")
        other = "change this with --steps-per-epoch; 1 means that steps are epochs"
        note = f"{message} counted in their order as epochs 1 to {len(each)}; {other}"
        return cls(ranks=tuple(each), note=note)

    def epoch(self, step: int) -> int | None:
        """The epoch of a step; None of one that is left out."""
        if self.per_epoch is not None:
            return max(1, math.ceil(step / self.per_epoch))
        if not self.ranks:
            return step + self.shift
        return self.ranks.index(step) + 1 if step in self.ranks else None
