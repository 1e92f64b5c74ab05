"""What may be asked of an ablation: one list for the command line and for Python."""

from __future__ import annotations

from dataclasses import dataclass

from slr_tune.ablation.budget import Budget
from slr_tune.training.shipping import Shipping

RETUNED_VALUES = 3
"""Values that each arm may try with `--retune`, by default."""


@dataclass(frozen=True)
class AblationOptions:
    """Options of an ablation, in addition to the search-space file.

    Attributes:
        study: Name of the study; None for the file's, or the one written last.
        factors: Names of settings or groups of them, as typed.
        baseline: `best`, `space`, a file; None for the space's baseline, else the best trial.
        seeds: How many, from three; of each teacher where there are several; the most where they
            are added until decided. None for 5, or 12 where they are added.
        until_decided: Add seeds until every arm is different, the same, or hopeless.
        margin: Points of WER within which arms count as the same; None not to ask.
        teachers: Teachers, trained with other seeds, to cross with the arms.
        orders: Orders of the training data for each seed; 1 for the seed's own.
        one_budget: Whether all ablations of the study share one error budget.
        factorial: Cross two factors: every level with every other.
        controls: Add control arms that a reviewer would ask for.
        path: Go from the baseline to the best trial one parameter at a time; takes no factors.
        retune: Setting to re-tune separately for every arm; None for none.
        budget: Values that each arm may try with `retune`, or the runs or the time that
            `until_decided` may spend; None for 3 values, and no limit.
        share: Whether runs share their common epochs.
        with_test: Whether to evaluate on the test split too; this is logged in the study.
        workers: Runs that train at the same time; None for the study's.
        address: A running Ray cluster; None for this machine.
        storage: Database URL; None for the default.
        shipping: What is sent to the nodes of a cluster; None for nothing.
    """

    study: str | None = None
    factors: tuple[str, ...] = ()
    baseline: str | None = None
    seeds: int | None = None
    until_decided: bool = False
    margin: float | None = None
    teachers: int = 1
    orders: int = 1
    one_budget: bool = False
    factorial: bool = False
    controls: bool = False
    path: bool = False
    retune: str | None = None
    budget: Budget | None = None
    share: bool = True
    with_test: bool = False
    workers: int | None = None
    address: str | None = None
    storage: str | None = None
    shipping: Shipping | None = None

    @property
    def retuned_values(self) -> int:
        """Values that each arm may try for `retune`."""
        values = None if self.budget is None else self.budget.values
        return RETUNED_VALUES if values is None else values

    @property
    def spend(self) -> Budget | None:
        """What may be spent until decided; None for no limit, or where it is values to try."""
        if self.budget is None or (self.retune is not None and self.budget.values is not None):
            return None
        return self.budget

    def typed(self, study: str, seeds: int | None) -> dict[str, object]:
        """Options of the command that asks for the same, but for the database, by their names.

        Args:
            study: The study that was meant.
            seeds: How many there are; None for as many as are added.
        """
        return {
            "study": study,
            "factor": self.factors,
            "baseline": self.baseline,
            "seeds": seeds,
            "factorial": self.factorial,
            "controls": self.controls,
            "path": self.path,
            "test": self.with_test,
            "no-share": not self.share,
            "retune": self.retune,
            "budget": self.retuned_values if self.retune else self.spend,
            "margin": None if self.margin is None else f"{self.margin:g}",
            "until-decided": self.until_decided,
            "teachers": self.teachers if self.teachers > 1 else None,
            "orders": self.orders if self.orders > 1 else None,
            "family": "study" if self.one_budget else None,
        }
