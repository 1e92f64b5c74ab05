"""Where a study's files lie."""

from __future__ import annotations

import os
from pathlib import Path

STUDIES_VARIABLE = "SLR_TUNE_STUDIES"


def studies_root() -> Path:
    """Folder of all studies: `SLR_TUNE_STUDIES`, or `studies` below the working directory."""
    return Path(os.environ.get(STUDIES_VARIABLE) or "studies").absolute()


def cache_root() -> Path:
    """Folder of what can be made again: packed data, trained teachers, their outputs."""
    return studies_root() / ".cache"


def study_folder(study: str) -> Path:
    """Folder of one study: its `study.yaml`, `trials/`, reports."""
    return studies_root() / study


def trial_folder(study: str, number: int) -> Path:
    """Folder of one trial: `curve.csv`, TensorBoard events, `checkpoints/`."""
    return study_folder(study) / "trials" / str(number)
