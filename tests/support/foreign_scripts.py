"""Spaces over the scripts in `scripts/`, which were not written for this project."""

from __future__ import annotations

import sys
from pathlib import Path

from slr_tune.space import StudySpec, load_spec
from trainables.building import build_run
from trainables.checked_run import CheckedRun

SCRIPTS = Path(__file__).parent / "scripts"
_STDOUT = (
    r"Epoch\s+(?P<epoch>\d+)/.*Train Loss: (?P<train_loss>[\d.]+).*Val WER: (?P<val_wer>[\d.]+)%"
)

TRAINABLES = {
    "teacher": rf"""
  command: >-
    {sys.executable} {SCRIPTS}/train_teacher.py --learning_rate {{learning_rate}}
    --dropout {{dropout}} --epochs {{max_epochs}} --output_dir {{folder}} --seed {{seed}}
    --pause {{pause}} --crash_at {{crash_at}}
  metrics: {{stdout: '{_STDOUT}'}}
  resume: --resume {{folder}}/checkpoint_latest.pth
objective: {{metric: val_wer}}
fixed: {{pause: 0.0, crash_at: 0}}
space:
  learning_rate: {{float: [1.0e-4, 1.0e-2], log: true}}
  dropout: {{float: [0.0, 0.6]}}
baseline: {{learning_rate: 3.0e-4, dropout: 0.3}}
""",
    "distill": f"""
  command: {sys.executable} {SCRIPTS}/distill.py --config {{folder}}/config.yaml
  metrics: {{tensorboard: '{{folder}}/tb'}}
  resume: --resume
  config:
    file: '{{folder}}/config.yaml'
    template: {SCRIPTS}/self_distillation_config.yaml
    set: {{training.epochs: '{{max_epochs}}', seed: '{{seed}}', logging.output_dir: '{{folder}}'}}
space:
  model: {{dropout: {{float: [0.0, 0.6]}}}}
  training: {{lr: {{float: [1.0e-5, 1.0e-2], log: true}}}}
baseline: {{model: {{dropout: 0.3}}, training: {{lr: 5.0e-4}}}}
""",
    "click": f"""
  command:
    - {sys.executable}
    - {SCRIPTS}/train_click.py
    - --lr={{lr}}
    - --optimizer={{optimizer}}
    - --num-epochs={{max_epochs}}
    - --save-dir={{folder}}
    - --random-seed={{seed}}
    - '{{auto_resume}}'
  metrics: {{csv: '{{folder}}/metrics.csv'}}
  predictions: {{jsonl: '{{folder}}/dev_hyp.jsonl'}}
  resume: --auto-resume
space:
  lr: {{float: [1.0e-4, 1.0e-2], log: true}}
  optimizer: {{choice: [adam, sgd, adamw]}}
fixed: {{auto_resume: ''}}
baseline: {{lr: 1.0e-3, optimizer: adam}}
""",
}


def script_space(folder: Path, name: str, *, trials: int = 4, changes: str = "") -> Path:
    """Writes a space over one of the scripts."""
    path = folder / f"{name}.yaml"
    budget = f"{{trials: {trials}, max_epochs: 9, grace_epochs: 1, reduction_factor: 3}}"
    text = f"study: {name}\nbudget: {budget}\nresources: {{workers: 2}}\ntrainable:"
    path.write_text(text + TRAINABLES[name] + changes)
    return path


def script_spec(folder: Path, name: str, **options: int) -> StudySpec:
    """The same, read."""
    return load_spec(script_space(folder, name, **options))


def script_run(spec: StudySpec, folder: Path, *, seed: int = 1, **settings: object) -> CheckedRun:
    """A run of the baseline."""
    config = spec.baseline_config()
    assert config is not None
    metric = spec.objective.metric
    run = build_run(
        spec.trainable,
        {**config, **settings},
        data=None,
        seed=seed,
        cache=folder,
        folder=folder,
        metric=metric,
    )
    return CheckedRun(run, metric=metric, max_epochs=int(config["max_epochs"]))
