"""Search spaces over the toy run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slr_tune.space import StudySpec, load_spec

TOY = """
study: toy
trainable: toy_runs:ToyRun
objective: {{metric: val/wer, direction: minimize}}
budget: {{trials: {trials}, max_epochs: {max_epochs}, grace_epochs: 1, reduction_factor: 3}}
resources: {{workers: {workers}}}
fixed: {fixed}
search: {{strategy: tpe-asha}}
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
    others = {
        "reduction_factor: 3": f"reduction_factor: 3, audit: {changes.pop('audit', 0.05)}",
        "{strategy: tpe-asha}": changes.pop("search", "{strategy: tpe-asha}"),
    }
    faults = changes.pop("faults", ())
    assert not changes, f"unknown changes {changes}"
    baseline = "baseline: {level: 0.5, width: 1}" if settings.pop("baseline") else ""
    more = f"  fault: {{choice: [{', '.join(faults)}]}}\n" if faults else ""
    path = folder / "toy.yaml"
    text = TOY.format(fixed=_flow(fixed), baseline=baseline, more=more, **settings)
    for default, chosen in others.items():
        text = text.replace(default, chosen)
    path.write_text(text)
    return path


def toy_spec(folder: Path, **changes: Any) -> StudySpec:
    """The same, read."""
    return load_spec(write_toy_space(folder, **changes))


def _flow(values: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"
