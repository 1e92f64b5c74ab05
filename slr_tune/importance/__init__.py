"""Which parameter matters: from a model of all trials at all rungs, with its uncertainty."""

from slr_tune.importance.analysis import Importance
from slr_tune.importance.study_analysis import StudyImportance, study_importance

__all__ = ["Importance", "StudyImportance", "study_importance"]
