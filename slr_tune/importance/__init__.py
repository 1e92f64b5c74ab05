"""Which parameter matters: importance at matched epochs, with its uncertainty."""

from slr_tune.importance.analysis import Importance
from slr_tune.importance.study_analysis import StudyImportance, study_importance

__all__ = ["Importance", "StudyImportance", "study_importance"]
