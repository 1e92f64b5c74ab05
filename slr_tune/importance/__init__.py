"""Which parameter matters: importance at matched epochs, with its uncertainty."""

from slr_tune.importance.analysis import Importance, analyse
from slr_tune.importance.matched_epoch import Choice, choose_epoch, values_at
from slr_tune.importance.parameter_columns import variables_of
from slr_tune.importance.study_analysis import StudyImportance, study_importance

__all__ = [
    "Choice",
    "Importance",
    "StudyImportance",
    "analyse",
    "choose_epoch",
    "study_importance",
    "values_at",
    "variables_of",
]
