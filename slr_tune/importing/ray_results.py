"""Result folders of Ray Tune: params.json, result.json and the experiment's own account."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slr_tune.errors import SlrTuneError
from slr_tune.importing.earlier_run import EarlierRun, Source, as_number, flat_fields, state_of

_BOOKKEEPING = frozenset(
    "timestamp pid date hostname node_ip time_since_restore iterations_since_restore done "
    "should_checkpoint trial_id experiment_tag time_total_s checkpoint_dir_name".split()
)


def is_ray_folder(folder: Path) -> bool:
    """Whether trials of Ray Tune are in a folder, or below it."""
    return any(_trial_folders(folder))


def read_ray_folder(folder: Path) -> Source:
    """Every trial below a folder.

    `done` is True in each trial's last line, however it ended: a trial that Ray calls TERMINATED
    with fewer iterations than the longest is taken for one that a scheduler stopped.

    Raises:
        SlrTuneError: A file cannot be read.
    """
    folders = [*_trial_folders(folder)]
    states = _states(folder)
    runs = [_read(folder, one, states) for one in folders]
    longest = max((len(run.curve) for run in runs), default=0)
    runs = [
        EarlierRun(run.name, run.fields, run.curve, "pruned", error=run.error)
        if run.state == "complete" and len(run.curve) < longest
        else run
        for run in runs
    ]
    stopped = sum(run.state == "pruned" for run in runs)
    notes = []
    if stopped:
        notes.append(
            f"{stopped} trials have fewer iterations than the longest, {longest}: Ray does not "
            f"record why they ended, so they are imported as stopped early"
        )
    return Source("Ray Tune results", str(folder), tuple(runs), tuple(notes))


def _trial_folders(folder: Path) -> Iterator[Path]:
    found = {path.parent for path in folder.rglob("params.json")}
    yield from sorted(one for one in found if (one / "result.json").is_file())


def _read(top: Path, folder: Path, states: Mapping[str, str]) -> EarlierRun:
    settings = _json(folder / "params.json", (folder / "params.json").read_text())
    lines = (folder / "result.json").read_text().splitlines()
    rows = [_json(folder / "result.json", line) for line in lines if line.strip()]
    curve: list[dict[str, float]] = []
    for place, row in enumerate(rows, start=1):
        flat = {k: v for k, v in flat_fields({**row, "config": None}).items()}
        step = as_number(flat.pop("training_iteration", place))
        values = {
            ("seconds" if name == "time_this_iter_s" else name): number
            for name, value in flat.items()
            if name not in _BOOKKEEPING and (number := as_number(value)) == number
        }
        # One that was restored writes the iterations after its checkpoint again.
        curve = [old for old in curve if old["epoch"] < step]
        curve.append({**values, "epoch": int(step)})
    last = rows[-1] if rows else {}
    trial_id = str(last.get("trial_id", ""))
    error = _error(folder)
    state = "failed" if error else states.get(trial_id, "complete" if last.get("done") else "")
    name = str(folder.relative_to(top)) if folder != top else folder.name
    return EarlierRun(name, flat_fields(settings), tuple(curve), state, error=error)


def _states(folder: Path) -> dict[str, str]:
    """State of each trial by its id, from the experiment's newest snapshot."""
    found: dict[str, str] = {}
    for path in sorted([*folder.rglob("experiment_state-*.json")]):
        try:
            trials = json.loads(path.read_text()).get("trial_data", ())
        except (ValueError, AttributeError):
            continue
        for entry in trials:
            text = entry[0] if isinstance(entry, list) and entry else entry
            try:
                trial = json.loads(text) if isinstance(text, str) else text
            except ValueError:
                continue
            if isinstance(trial, Mapping):
                found[str(trial.get("trial_id"))] = state_of(trial.get("status"))
    return found


def _error(folder: Path) -> str | None:
    path = folder / "error.txt"
    if path.is_file():
        return path.read_text(errors="replace").strip() or "it failed"
    return "it failed" if (folder / "error.pkl").is_file() else None


def _json(path: Path, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise SlrTuneError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise SlrTuneError(f"{path} must be a mapping")
    return content
