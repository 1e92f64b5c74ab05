"""`benchmarks/gpu.py` on a machine without a GPU: it runs what it can, and says what it leaves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

import gpu  # noqa: E402
from gpu_scene import REAL  # noqa: E402

from trainables.config import DistillConfig  # noqa: E402
from trainables.models import build_model  # noqa: E402


def test_small_versions_run_on_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    """Each part that needs a card says so in a line, and the command ends with 0."""
    assert gpu.main(["--tiny", "--only", "parity,precision,memory,speed"]) == 0
    output = capsys.readouterr().out
    skipped = [line for line in output.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 4
    assert "largest difference of a loss 0.0e+00" in output  # data on the device or in files
    assert "| plain loop |" in output and "| 1 trial |" in output


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_two_trials_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--tiny", "--only", "ray"]) == 0
    output = capsys.readouterr().out
    assert output.count("max_epochs") == 2 and "type float32" in output


def test_the_student_has_the_size_that_is_reported() -> None:
    with torch.device("meta"):
        config = DistillConfig(**REAL.student)
        model = build_model(config, input_size=REAL.features, classes=REAL.classes)
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(
        7.47e6, rel=1e-3
    )
