"""Where the trials came from, and how each source fared: whether the prior is still used."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from slr_tune.report.page import WRITTEN, Part, Table, numbers, texts
from slr_tune.report.study.study_data import StudyData, TrialData

_MODEL = "model: "
_FEW = 3
"""Trials of a source below which there is no statement on it."""
_TRIAL = re.compile(r"perturbed trial \d+")


@dataclass(frozen=True)
class SourceSummary:
    """The trials of one source.

    Attributes:
        name: Of the source.
        trials: How many.
        chosen: Of them, chosen by the model among other proposals.
        thirds: How many of the first, the second and the last third of the search.
        went_on: How many continued beyond the first rung.
        rank: Median place at the first rung, 0 for the best of all trials to 1 for the worst; None
            where none came there.
        best: Best value of one that ended; None without.
    """

    name: str
    trials: int
    chosen: int
    thirds: tuple[int, int, int]
    went_on: int
    rank: float | None
    best: float | None


def source_summaries(study: StudyData) -> list[SourceSummary]:
    """Each source of the study's trials, in the order of their first trials."""
    ranks = _ranks(study)
    groups: dict[str, list[TrialData]] = {}
    for trial in study.trials:
        if trial.record.source is not None:
            groups.setdefault(_kind(trial.record.source), []).append(trial)
    return [_summary(study, name, members, ranks) for name, members in groups.items()]


def sources_part(study: StudyData) -> Part | None:
    """None for a study whose records do not say where its trials came from."""
    rows = source_summaries(study)
    if not rows:
        return None
    heads = texts("from") + numbers(
        "trials", "chosen by the model", "first third", "second", "last",
        "continued", "median place, first rung", "best",
    )  # fmt: skip
    cells = [
        (
            row.name,
            *map(str, (row.trials, row.chosen, *row.thirds, row.went_on)),
            "-" if row.rank is None else f"{100 * row.rank:.0f} %",
            study.value_text(row.best),
        )
        for row in rows
    ]
    caption = (
        "The thirds are those of the search, by the trials' numbers. Place 0 % is the best of all "
        "trials at the first rung, 100 % the worst."
    )
    return Part(
        "Where the trials came from", [_text(rows), Table(heads, cells, caption)], formats=WRITTEN
    )


def _text(rows: Sequence[SourceSummary]) -> str:
    """What became of the prior, in a sentence."""
    prior = next((row for row in rows if row.name == "perturbed baseline"), None)
    anywhere = next((row for row in rows if row.name == "uniform"), None)
    if prior is None:
        return "How the trials of each source fared:"
    first, _, last = prior.thirds
    if anywhere is None or min(prior.trials, anywhere.trials) < _FEW:
        found = ""
    elif prior.rank is None or anywhere.rank is None:
        found = ""
    else:
        better = "better" if prior.rank < anywhere.rank else "no better"
        found = f" At the first rung their median was {better} than that of uniform ones."
    return (
        f"{first} trials near the baseline in the first third of the search, {last} in the last."
        f"{found}"
    )


def _kind(source: str) -> str:
    """A source without the model's choice and the number of the trial."""
    return _TRIAL.sub("perturbed good trial", source.removeprefix(_MODEL))


def _ranks(study: StudyData) -> dict[int, float]:
    """Place of each trial at the first rung, 0 to 1, ties sharing theirs."""
    if not study.rungs:
        return {}
    values = {
        trial.number: study.sign * value
        for trial in study.trials
        if (value := trial.best_so_far.get(study.rungs[0])) is not None
    }
    most = max(1, len(values) - 1)
    return {
        number: (
            sum(v < value for v in values.values())
            + (sum(v == value for v in values.values()) - 1) / 2
        )
        / most
        for number, value in values.items()
    }


def _summary(
    study: StudyData, name: str, members: Sequence[TrialData], ranks: dict[int, float]
) -> SourceSummary:
    third = max(1, len(study.trials)) / 3
    places = [min(2, int(trial.number / third)) for trial in members]
    first = study.rungs[0] if study.rungs else 0
    seen = [ranks[trial.number] for trial in members if trial.number in ranks]
    values = [trial.value for trial in members if trial.value is not None]
    return SourceSummary(
        name,
        len(members),
        sum((trial.record.source or "").startswith(_MODEL) for trial in members),
        (places.count(0), places.count(1), places.count(2)),
        sum(trial.epochs > first for trial in members),
        statistics.median(seen) if seen else None,
        min(values, key=lambda value: study.sign * value, default=None),
    )
