"""Ablations and confirmations, for Python and for their commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from slr_tune.api.asked import at_least_one, budget_of, enough_seeds, whole_study
from slr_tune.api.running import Stopped
from slr_tune.api.studies import Study, load
from slr_tune.errors import SlrTuneError
from slr_tune.space.shipped import find_space
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.training.interrupt import Interrupted, Talk, interrupt_flag
from slr_tune.training.ray_private import prepare_environment

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from slr_tune.ablation.design import Design
    from slr_tune.ablation.result import AblationResult
    from slr_tune.search.progress import Progress
    from slr_tune.training.shipping import Shipping


@dataclass(frozen=True)
class Ablation:
    """What an ablation found.

    Attributes:
        result: The whole result; its class is private.
        folder: Folder of its files: result.json, runs.csv, and the report.
    """

    result: AblationResult
    folder: Path

    def __repr__(self) -> str:
        """The study, and the one sentence."""
        return f"<Ablation {self.result.name!r} of {self.result.study!r}: {self.verdict}>"

    @property
    def verdict(self) -> str:
        """One sentence about all arms."""
        return self.result.verdict

    @property
    def verdicts(self) -> dict[str, str]:
        """One sentence for each arm except the baseline, by the arm's name."""
        return {row.name: row.sentence for row in self.result.main.rows if row.sentence}

    @property
    def table(self) -> pd.DataFrame:
        """One row per arm, including the baseline, indexed by the arm's name.

        Columns: mean (of the measure over the seeds, a WER in percent), difference (to the
        baseline, in points), low and high (its 95 % interval), p_value, holm_p (corrected for the
        number of arms), outcome ("better", "worse", "no clear difference"; empty for the
        baseline), per_seed, difference_per_seed, and everything else in the report's tables. Values
        that an arm lacks are missing.
        """
        import pandas as pd

        from slr_tune.ablation.result import ArmRow

        names = [field.name for field in fields(ArmRow)]
        rows = [{name: getattr(row, name) for name in names} for row in self.result.main.rows]
        first = ["name", "mean", "difference", "low", "high", "p_value", "holm_p", "outcome"]
        frame = pd.DataFrame(rows, columns=[*first, *(n for n in names if n not in first)])
        numbers = ["difference", "low", "high", "p_value", "holm_p"]
        return frame.astype(dict.fromkeys(numbers, float)).set_index("name")

    @property
    def runs(self) -> pd.DataFrame:
        """One row per run: part, arm, seed, epochs, best_epoch, ended_by, value, parameters."""
        import pandas as pd

        names = ["part", "arm", "seed", "epochs", "best_epoch", "ended_by", "value", "parameters"]
        rows = [{name: getattr(run, name) for name in names} for run in self.result.runs]
        return pd.DataFrame(rows, columns=names)

    def plot(self) -> go.Figure:
        """Difference of each arm to the baseline with its interval.

        Raises:
            SlrTuneError: There is no arm besides the baseline.
        """
        from slr_tune.api.plots import as_plotly
        from slr_tune.report.ablation import sentences
        from slr_tune.report.ablation.figures import difference_figure

        if not sentences.compared(self.result.main):
            raise SlrTuneError("the ablation has no arm besides its baseline", hint=self.verdict)
        return as_plotly(difference_figure(self.result.main), self.result.title)

    def report(self) -> list[Path]:
        """Writes the report to its folder, like `slr-tune ablate`; returns the files."""
        from slr_tune.report.ablation import write_report

        return write_report(self.result, self.folder)


@dataclass(frozen=True)
class Confirmation:
    """Results of the best trials and the baseline on new seeds.

    Attributes:
        entries: One retrained configuration each, the baseline first; their class is private.
        file: Where it is stored.
    """

    entries: tuple[ConfirmedTrial, ...]
    file: Path

    @property
    def table(self) -> pd.DataFrame:
        """One row per configuration, indexed by its name.

        Columns: trial, claimed (by the search), then for each split its mean over the seeds, its
        standard deviation (NaN with one seed), and each seed. WER in percent.
        """
        import pandas as pd

        rows = []
        for entry in self.entries:
            row: dict[str, Any] = {"name": entry.name, "trial": entry.trial}
            row["claimed"] = entry.claimed
            for split, values in entry.wer.items():
                row |= {f"{split}.mean": entry.mean(split), f"{split}.std": entry.spread(split)}
                row[f"{split}.per_seed"] = values
            rows.append(row)
        return pd.DataFrame(rows).set_index("name")

    @property
    def verdicts(self) -> dict[str, dict[str, str]]:
        """Verdict on each configuration against the first, by name and split."""
        return {entry.name: dict(entry.verdicts) for entry in self.entries if entry.verdicts}


def ablate(
    study: Study | str | None = None,
    *,
    factors: Sequence[str] = (),
    seeds: int | None = None,
    until_decided: bool = False,
    margin: float | None = None,
    teachers: int = 1,
    orders: int = 1,
    family: Literal["ablation", "study"] = "ablation",
    baseline: str | Path | None = None,
    space: str | Path | None = None,
    factorial: bool = False,
    controls: bool = False,
    path: bool = False,
    retune: str | None = None,
    budget: int | str | None = None,
    share: bool = True,
    test: bool = False,
    workers: int | None = None,
    address: str | None = None,
    storage: str | None = None,
    progress: bool = True,
) -> Ablation:
    """Changes one factor at a time, with paired seeds: which differences are real?

    What was trained is kept; the same call resumes. The report is written too.

    Args:
        study: A study or its name; None for the space's, or the most recent one.
        factors: Settings or groups of them, as `slr-tune ablate --factor` takes them.
        seeds: Seeds of each arm, at least three; the maximum with `until_decided`. None for 5, or
            12 with `until_decided`.
        until_decided: Add seeds until every arm is different, the same, or hopeless.
        margin: Also test which arms are the same within so many WER points.
        teachers: Run every arm with so many teachers, trained with different seeds.
        orders: Run every arm with each seed in so many orders of the training data.
        family: "study" controls one error rate over all ablations of the study.
        baseline: "best", "space", or a file; None for the space's, else the best trial.
        space: Search-space file or name of a shipped one; None for the stored study's.
        factorial: Cross two factors: every level with every other.
        controls: Add control arms that a reviewer would ask for.
        path: Go from the baseline to the best trial one parameter at a time; takes no factors.
        retune: Setting to re-tune separately for every arm; None for none.
        budget: Values that each arm may try with `retune` (3), or what `until_decided` may spend
            ("40runs", "6h"); None for 3 values, and no limit.
        share: Whether runs share their common epochs.
        test: Whether to evaluate on the test split too; this is logged in the study.
        workers: Runs that train at the same time; None for the study's.
        address: A running Ray cluster; None for this machine.
        storage: Database URL; None for the study's own, or the default.
        progress: Whether to show progress.

    Raises:
        SlrTuneError: Something requested does not exist, is contradictory, or cannot be trained.
        Stopped: It was interrupted. What was trained is kept.
    """
    prepare_environment()
    from slr_tune.ablation.design import make_design
    from slr_tune.ablation.options import AblationOptions

    options = AblationOptions(
        study=_name(study),
        factors=(factors,) if isinstance(factors, str) else tuple(factors),
        baseline=None if baseline is None else str(baseline),
        seeds=enough_seeds(seeds),
        until_decided=until_decided,
        margin=margin,
        teachers=at_least_one("teachers", teachers),
        orders=at_least_one("orders", orders),
        one_budget=whole_study(family),
        factorial=factorial,
        controls=controls,
        path=path,
        retune=retune,
        budget=budget_of(budget),
        share=share,
        with_test=test,
        workers=workers,
        address=address,
        storage=_storage(study, storage),
    )
    design = make_design(None if space is None else find_space(space), options)
    with _shown(progress) as shown:
        return conduct(design, shown.message, shown.training)[0]


def conduct(
    design: Design,
    tell: Callable[[str], None],
    show: Callable[[int, int], None] | None = None,
) -> tuple[Ablation, list[Path]]:
    """Trains and compares what a design asks for, and writes its report.

    Args:
        design: What is requested.
        tell: Called with each message.
        show: As `Talk` has it.

    Returns:
        What was found, and the report's files.

    Raises:
        SlrTuneError: As `ablate`.
        Stopped: As `ablate`.
    """
    from slr_tune.ablation.run import run_ablation

    most = "at most " * design.until_decided
    orders = f" with {design.orders} orders of the data each" if design.orders > 1 else ""
    tell(
        f"Study {design.spec.study}. {design.title}; "
        f"seeds: {most}{len(design.distinct_seeds)}{orders}; "
        f"baseline: {design.baseline.source}."
    )
    with interrupt_flag(tell) as asked:
        try:
            found = Ablation(*run_ablation(design, Talk(tell, asked.is_set, show)))
        except Interrupted as interrupted:
            stopped = Stopped(asked.number)
            stopped.interim = getattr(interrupted, "interim", None)
            raise stopped from None
    tell("Writing the report")
    return found, found.report()


def confirm(
    study: Study | str | None = None,
    *,
    top: int = 1,
    seeds: int = 5,
    test: bool = False,
    workers: int | None = None,
    address: str | None = None,
    storage: str | None = None,
    progress: bool = True,
) -> Confirmation:
    """Retrains the best trials of a search and its baseline on new seeds: an unbiased figure.

    Args:
        study: A study or its name; None for the most recent one.
        top: How many of its best trials.
        seeds: Seeds of each, at least three; none that the search used.
        test: Whether to evaluate on the test split too; this is logged in the study.
        workers: Runs that train at the same time; None for the study's.
        address: A running Ray cluster; None for this machine.
        storage: Database URL; None for the study's own, or the default.
        progress: Whether to show progress.

    Raises:
        SlrTuneError: The study has no finished trial, or its runs report no errors.
        Stopped: It was interrupted. What was trained is kept.
    """
    prepare_environment()
    enough_seeds(seeds)
    with _shown(progress) as shown:
        stored = load(_name(study), storage=_storage(study, storage))
        return confirmed(
            stored,
            shown.message,
            show=shown.training,
            top=top,
            seeds=seeds,
            test=test,
            workers=workers,
            address=address,
        )


def confirmed(
    study: Study,
    tell: Callable[[str], None],
    *,
    top: int,
    seeds: int,
    test: bool,
    workers: int | None,
    address: str | None = None,
    shipping: Shipping | None = None,
    show: Callable[[int, int], None] | None = None,
) -> Confirmation:
    """Confirms a stored study, and stores what came out; as `confirm`."""
    from slr_tune.ablation.confirm import confirm as retrain
    from slr_tune.ablation.winners_curse import confirm_row
    from slr_tune.study.confirmed import write_confirmed

    tell(f"Study {study.name!r}")
    with interrupt_flag(tell) as asked:
        entries = retrain(
            study.view,
            Talk(tell, asked.is_set, show),
            top=top,
            seeds=seeds,
            with_test=test,
            storage=study.storage,
            workers=workers,
            address=address,
            shipping=shipping,
        )
    if entries is None:
        raise Stopped(asked.number)
    file = write_confirmed(study.folder, [confirm_row(entry) for entry in entries])
    return Confirmation(tuple(entries), file)


def _name(study: Study | str | None) -> str | None:
    return study.name if isinstance(study, Study) else study


def _storage(study: Study | str | None, storage: str | None) -> str | None:
    return study.storage if storage is None and isinstance(study, Study) else storage


@contextmanager
def _shown(show: bool) -> Iterator[Progress]:
    from slr_tune.api.progress import progress_for

    with progress_for(show) as progress:
        try:
            yield progress
        except Stopped:
            progress.message("Interrupted; all finished work is stored. The same call resumes.")
            raise
