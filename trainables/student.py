"""The student without a teacher: what distillation has to beat."""

from __future__ import annotations

from trainables.config import StudentConfig
from trainables.ctc_run import CtcRun


class StudentRun(CtcRun):
    """Trains the small model on the glosses alone."""

    trainable = "student"
    config_class = StudentConfig
