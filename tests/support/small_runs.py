"""Real runs on a few real sentences, trained in milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slr_tune.space import StudySpec, load_spec
from trainables.data import Dataset
from trainables.files.checkpoint import save_checkpoint
from trainables.protocol import RunInputs
from trainables.registry import run_class
from trainables.runs.ctc_run import CtcRun

FEW = "{name: libras, train: 18, dev: 8, test: 4}"
"""The `data:` section."""

SMALL: dict[str, Any] = {
    "layers": 1,
    "hidden": 8,
    "projection": 8,
    "subsampling": 2,
    "batch_size": 6,
    "dropout": 0.0,
    "device": "cpu",
}

SPACE = """
study: small
trainable: {trainable}
data: {data}
{teacher}
budget: {{trials: 4, max_epochs: 6}}
resources: {{workers: 1}}
fixed: {{layers: 1, hidden: 8, projection: 8, device: cpu{fixed}}}
space:
  learning_rate: {{float: [1.0e-3, 1.0e-2], log: true}}
{more}
baseline: {{learning_rate: 5.0e-3{baseline}}}
"""


def small_run(
    data: Dataset, name: str = "student", *, teacher: Path | None = None, **settings: Any
) -> CtcRun:
    """A run at epoch 0."""
    cls: Any = run_class(name)
    config = cls.config_class(**{**SMALL, **settings})
    inputs = RunInputs(data=data, seed=0, teacher=teacher, cache=data.folder.parent)
    run: CtcRun = cls(config, inputs)
    return run


def saved(run: CtcRun, path: Path, *, epochs: int = 1) -> Path:
    """Trains a run and stores it."""
    for _ in range(epochs):
        run.run_epoch()
    save_checkpoint(path, run.state_dict())
    return path


def small_space(
    folder: Path,
    *,
    trainable: str = "student",
    teacher: str = "",
    data: str = FEW,
    fixed: str = "",
    more: str = "",
    baseline: str = "",
) -> Path:
    """A space over such runs."""
    path = folder / "small.yaml"
    text = SPACE.format(
        trainable=trainable,
        data=data,
        teacher=f"teacher: {teacher}" if teacher else "",
        fixed=f", {fixed}" if fixed else "",
        more=more,
        baseline=f", {baseline}" if baseline else "",
    )
    path.write_text(text, encoding="utf-8")
    return path


def small_spec(folder: Path, **changes: str) -> StudySpec:
    """The same, read."""
    return load_spec(small_space(folder, **changes))
