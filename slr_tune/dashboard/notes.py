"""Notes: what a study is, made from its record; and what a person typed, kept next to the study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from slr_tune.dashboard.optuna_dashboard_private import note_attributes, note_of
from slr_tune.space import StudySpec
from slr_tune.study.commands import command_line
from slr_tune.study.folders import study_folder
from slr_tune.study.optuna_private import trial_key
from slr_tune.study.record import record_of
from slr_tune.study.summary import (
    flat,
    foreign_text,
    imported_text,
    searched_values,
    summarise,
)
from slr_tune.study.view import StudyView
from slr_tune.text import metric_text, setting_text
from trainables.files.atomic import replace_file
from trainables.registry import run_title

FILE = "dashboard.json"
"""In a study's folder: notes that were typed in the dashboard."""

_MOST_NOTES = 300
_BEST_NOTES = 30
"""Optuna Dashboard looks through all notes for every trial: with thousands of both it crawls."""


class KeptNotes:
    """Notes of one study that people typed."""

    def __init__(self, folder: Path) -> None:
        """Reads them from the study's folder; a file that cannot be read counts as none."""
        self._path = folder / FILE
        self.attributes: dict[str, Any] = {}
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(stored, dict):
            self.attributes = {k: v for k, v in stored.items() if note_of(k) is not None}

    def keep(self, key: str, value: Any) -> None:
        """Writes a piece of a note."""
        self.attributes[key] = value
        replace_file(self._path, json.dumps(self.attributes, indent=1).encode())


def study_note(view: StudyView, links: Mapping[str, str]) -> str:
    """What a study is, its state, its baseline, and where to read on, as Markdown.

    Args:
        view: The study.
        links: Address of each file that was written about it, by its title.
    """
    spec, facts = view.spec, summarise(view)
    budget = spec.budget
    lines = [
        f"## {spec.study}",
        f"{_state(view, facts)} Searches `{run_title(spec.trainable)}` on "
        f"`{spec.data.get('name', 'its own data')}`: "
        f"`{spec.objective.metric}`, {spec.objective.direction}; at most {budget.max_epochs} "
        f"epochs per trial{_rungs_text(spec)}; strategy `{spec.search.strategy}`.",
        _result(view, facts),
        *filter(None, [imported_text(view), foreign_text(view)]),
    ]
    if spec.baseline:
        lines.append(f"**Baseline** (trial 0): {_listed(flat(spec.baseline))}.")
    shown = ", ".join(f"[{title}]({address})" for title, address in links.items())
    command = command_line("report", options={"--study": spec.study})
    none = f"No report yet: `{command}` writes one."
    lines.append(f"**Read on**: {shown}." if links else none)
    lines.append(
        "Names of parameters are those of the search-space file, and values are rounded. The plot "
        "*Hyperparameter Importance* is Optuna's, over finished trials only, and can mislead; "
        "*Importance from all trials* is this project's. [All studies](/). This dashboard only "
        "shows the study; a note that you type is kept in the study's folder, in "
        f"`{FILE}`."
    )
    return "\n\n".join(line for line in lines if line)


def study_attributes(spec: StudySpec) -> dict[str, str]:
    """What the dashboard lists of a study as a whole."""
    budget = spec.budget
    return {
        "trainable": run_title(spec.trainable),
        "data": str(spec.data.get("name", "its own")),
        "metric": f"{spec.objective.metric}, {spec.objective.direction}",
        "epochs": f"at most {budget.max_epochs}{_rungs_text(spec)}",
        "strategy": spec.search.strategy,
        "folder": str(study_folder(spec.study)),
    }


def _rungs_text(spec: StudySpec) -> str:
    """Where trials are pruned; empty where none is."""
    if spec.search.scheduler == "none":
        return ""
    return f", ASHA from epoch {spec.budget.grace_epochs}, factor {spec.budget.reduction_factor}"


def trial_notes(view: StudyView) -> dict[str, Any]:
    """The resolved configuration of each trial as its note; of many trials the best have one."""
    sign = 1.0 if view.minimizes else -1.0
    trials = [trial for trial in view.trials if record_of(trial) is not None]
    if len(trials) > _MOST_NOTES:
        able = [trial for trial in trials if trial.values]
        trials = sorted(able, key=lambda trial: sign * trial.values[0])[:_BEST_NOTES]
    found: dict[str, Any] = {}
    for trial in trials:
        found |= note_attributes(_trial_note(view, trial), trial_key(trial))
    return found


def _trial_note(view: StudyView, trial: FrozenTrial) -> str:
    record = record_of(trial)
    config = flat({} if record is None else record.config)
    searched = searched_values(view, {"params": trial.params}) if trial.params else {}
    lines = [f"**Searched**: {_listed(searched)}."]
    fixed = {name: value for name, value in config.items() if name not in searched}
    lines.append(f"**The rest of its configuration**: {_listed(fixed)}.")
    if record is not None and record.error:
        lines.append(f"**Error**: `{_last_line(record.error)}`")
    return "\n\n".join(lines)


def _last_line(error: str) -> str:
    return (error.strip() or "no text").splitlines()[-1]


def _listed(values: Mapping[str, Any]) -> str:
    shown = [f"{name} `{setting_text(value)}`" for name, value in values.items()]
    return ", ".join(shown) or "nothing"


_WORDS = {
    "max_epochs": "ran to the last epoch",
    "patience": "ended by patience",
    "asha": "stopped early (ASHA)",
    "cut_short": "imported, with fewer epochs",
    "running": "running",
    "waiting": "waiting",
    "paused": "paused at a rung",
}


def _state(view: StudyView, facts: Mapping[str, Any]) -> str:
    counts = facts["ended_by"].items()
    found = [f"{count} {_WORDS.get(reason, f'failed ({reason})')}" for reason, count in counts]
    state = "**Not running**"
    if view.driver is not None and view.driver.alive:
        state = f"**Running** ({view.driver.description})"
    return f"{state}: {', '.join(found) or 'no trial yet'}."


def _result(view: StudyView, facts: Mapping[str, Any]) -> str:
    best, baseline = facts["best"], facts["baseline"]
    if best is None:
        return ""
    metric = facts["metric"]
    text = f"**Best so far**: {metric_text(best['value'], metric)} (trial {best['number']}"
    if baseline is not None and baseline["value"] is not None:
        text += f"; baseline {metric_text(baseline['value'], metric)}"
    text += "). It is optimistic, because it was selected on that figure"
    return f"{text}: `{command_line('confirm', options={'--study': view.spec.study})}`."
