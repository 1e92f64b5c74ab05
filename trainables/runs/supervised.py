"""Runs on the glosses alone: the teacher, and the student without a teacher."""

from __future__ import annotations

from trainables.config import StudentConfig, TeacherConfig
from trainables.runs.ctc_run import CtcRun


class TeacherRun(CtcRun):
    """Trains a teacher. Its checkpoint records the dev WER that a student is compared with."""

    trainable = "teacher"
    config_class = TeacherConfig


class StudentRun(CtcRun):
    """Trains the small model on the glosses alone: what distillation has to beat."""

    trainable = "student"
    config_class = StudentConfig
