"""Search spaces over the toy run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slr_tune.space import StudySpec, load_spec

TOY = """
study: toy
trainable: toy_runs:ToyRun
objective: {{metric: val/wer, direction: minimize}}
budget: {{trials: {trials}, max_epochs: {max_epochs}, grace_epochs: 1, reduction_factor: 3{audit}}}
resources: {{workers: {workers}}}
fixed: {fixed}
search: {search}
space:
  level: {{float: [0.0, 1.0]}}
  width: {{choice: [1, 2, 3]}}
{more}{baseline}
"""


def write_toy_space(folder: Path, **changes: Any) -> Path:
    """Writes a space; `fixed` settings of the toy run make it misbehave."""
    settings: dict[str, Any] = {"trials": 8, "max_epochs": 9, "workers": 2, "baseline": True}
    settings |= {key: changes.pop(key) for key in list(changes) if key in settings}
    fixed = changes.pop("fixed", {})
    audit = f", audit: {changes.pop('audit')}" if "audit" in changes else ""
    search = changes.pop("search", "{strategy: tpe-asha}")
    faults = changes.pop("faults", ())
    assert not changes, f"unknown changes {changes}"
    baseline = "baseline: {level: 0.5, width: 1}" if settings.pop("baseline") else ""
    more = f"  fault: {{choice: [{', '.join(faults)}]}}\n" if faults else ""
    path = folder / "toy.yaml"
    path.write_text(
        TOY.format(
            fixed=_flow(fixed), search=search, audit=audit, baseline=baseline, more=more, **settings
        )
    )
    return path


def toy_spec(folder: Path, **changes: Any) -> StudySpec:
    """The same, read."""
    return load_spec(write_toy_space(folder, **changes))


def _flow(values: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"
