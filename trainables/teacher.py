"""The teacher: the larger model, trained on the glosses alone."""

from __future__ import annotations

from trainables.config import TeacherConfig
from trainables.ctc_run import CtcRun


class TeacherRun(CtcRun):
    """Trains a teacher. Its checkpoint records the dev WER that a student is compared with."""

    trainable = "teacher"
    config_class = TeacherConfig
