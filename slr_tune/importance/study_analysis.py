"""All that is said of a study's parameters, put together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from slr_tune.importance.analysis import MIN_TRIALS, NAMES, Importance, analyse
from slr_tune.importance.marginals import Interaction, Marginal, Region, Surrogate, best_region
from slr_tune.importance.matched_epoch import Choice, choose_epoch, values_at
from slr_tune.importance.parameter_columns import Floats, Variable, variables_of
from slr_tune.study.rungs import budget_rungs
from slr_tune.study.view import StudyView

_RUNG_RESAMPLES = {"ped-anova": 100, "fanova": 8, "mdi": 8}


@dataclass(frozen=True)
class StudyImportance:
    """Importance of a study's parameters, and what stands behind it.

    Attributes:
        study: Its name.
        metric: Its metric.
        direction: "minimize" or "maximize".
        choice: The epoch, and why.
        main: Importance there.
        over_rungs: Importance at each epoch with enough trials, ascending.
        marginals: Effect of each parameter, in the order of the file; empty with few trials.
        interaction: The strongest pair, None with few trials.
        regions: Where the best tenth lies.
        running: Whether a driver was at work on the study.
        imported: Number of the study's trials that were run elsewhere.
    """

    study: str
    metric: str
    direction: str
    choice: Choice
    main: Importance
    over_rungs: tuple[Importance, ...]
    marginals: tuple[Marginal, ...]
    interaction: Interaction | None
    regions: tuple[Region, ...]
    running: bool
    imported: int = 0

    @property
    def evaluator(self) -> str:
        """The evaluator's name as it is written."""
        return NAMES[self.main.evaluator]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "warnings": list(self.main.warnings)}


def study_importance(
    view: StudyView, *, evaluator: str = "ped-anova", epoch: int | None = None, seed: int = 0
) -> StudyImportance:
    """Analyses a study.

    Args:
        view: The study; one that is running is taken as it stands.
        evaluator: "ped-anova", "fanova" or "mdi".
        epoch: Where to compare trials; None for the epoch that keeps the most information.
        seed: Of the resampling.
    """
    budget = view.spec.budget
    choice = choose_epoch(view.trials, budget_rungs(budget), budget.max_epochs, asked=epoch)
    variables = variables_of(view.spec.space, view.trials)
    sign = 1.0 if view.minimizes else -1.0

    def at(wanted: int, resamples: int | None) -> tuple[Importance, list[Variable], Floats]:
        values = values_at(view.trials, wanted)
        rows = np.flatnonzero(np.isfinite(values))
        members = [column for v in variables if (column := v.take(rows)).active.any()]
        found = analyse(
            members,
            sign * values[rows],
            epoch=wanted,
            evaluator=evaluator,
            seed=seed,
            resamples=resamples,
        )
        return found, members, values[rows]

    main, members, values = at(choice.epoch, None)
    others = [c.epoch for c in choice.candidates if c.trials >= MIN_TRIALS]
    over = [
        main if one == choice.epoch else at(one, _RUNG_RESAMPLES[evaluator])[0] for one in others
    ]
    marginals: tuple[Marginal, ...] = ()
    interaction = None
    if main.units:
        surrogate = Surrogate(members, values, seed=seed)
        marginals = tuple(surrogate.marginal(variable) for variable in members)
        interaction = surrogate.strongest_interaction(_by_weight(main))
    return StudyImportance(
        view.spec.study,
        view.spec.objective.metric,
        view.spec.objective.direction,
        choice,
        main,
        tuple(over),
        marginals,
        interaction,
        tuple(best_region(members, sign * values, main.top)),
        view.running,
        len(view.imported),
    )


def _by_weight(main: Importance) -> list[str]:
    """Parameters, the most important first: single ones and the parts of groups."""
    parts = {part.group for part in main.parts}
    bars = [bar for bar in main.units if bar.name not in parts] + list(main.parts)
    return [bar.name for bar in sorted(bars, key=lambda bar: -bar.share)]
