"""Files and user runs for the tests of the search space."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WriteFile = Callable[..., Path]

GOOD = """\
study: example
trainable: distill
data: {name: libras}
teacher: {train: teacher, settings: {hidden: 64}}
objective: {metric: val/wer, direction: minimize}
budget: {trials: 24, max_epochs: 24, grace_epochs: 3}
resources: {workers: 2, cpus_per_trial: 1}
fixed:
  batch_size: 16
  mixed_precision: false
space:
  dropout: {float: [0.0, 0.5]}
  learning_rate: {float: [1e-3, 3e-2], log: true}
  loss_weights: {simplex: [alpha, beta, gamma]}
  kd_blank: {choice: [keep, drop]}
  temperature:
    schedule:
      choice:
        constant: {start: {float: [1, 8]}}
        step: {start: {float: [2, 8]}, end: {float: [1, 4]}, milestones: {fixed: [0.5]}}
  patience: {int: [4, 24]}
baseline:
  dropout: 0.2
  learning_rate: 1e-2
  loss_weights: {alpha: 0.7, beta: 0.2, gamma: 0.1}
  kd_blank: keep
  temperature: {schedule: step, start: 4.0, end: 3.0}
  patience: 12
factors:
  patience: [4, 8]
  temperature:
    - {schedule: constant, start: 1.0}
seed: 7
"""
"""A file with every section and every kind of parameter, from which tests take or spoil a part."""


@pytest.fixture
def good() -> str:
    return GOOD


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteFile:
    """Writes a file `space.yaml` into the working directory, so that places read short."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str | bytes = GOOD, name: str = "space.yaml") -> Path:
        content = text if isinstance(text, bytes) else text.encode()
        Path(name).write_bytes(content)
        return Path(name)

    return write_file


OWN_RUN = '''
from enum import Enum
from pydantic import BaseModel, Field, model_validator

class Kernel(BaseModel):
    """Ignores keys that it does not know, as pydantic does by default."""
    width: int = 3
    dilation: int = 1

class Config(BaseModel):
    max_epochs: int = 5
    rate: float = Field(0.1, gt=0, lt=1)
    low: int = 1
    high: int = 4
    deep: bool = False
    options: dict[str, int] = {}
    kernel: Kernel = Kernel()
    sizes: tuple[int, ...] = (1, 2)

    @model_validator(mode="after")
    def _order(self):
        if self.low > self.high:
            raise ValueError(f"low={self.low} is above high={self.high}")
        return self

class OwnRun:
    config_class = Config
    def run_epoch(self): ...
    def state_dict(self): ...
    def load_state_dict(self, state): ...
    def facts(self): ...

class NeedsMore(OwnRun):
    class config_class(Config):
        vocabulary: str
'''


@pytest.fixture
def own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a user's run whose class of settings ignores unknown keys."""
    name = f"own_run_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OWN_RUN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield f"{name}:OwnRun"
    sys.modules.pop(name, None)
