"""Which parameter matters: importance at matched epochs, with its uncertainty."""

from slr_tune.importance.analysis import EVALUATORS, Bar, Importance, analyse
from slr_tune.importance.matched_epoch import Candidate, Choice, choose_epoch, values_at
from slr_tune.importance.parameter_columns import SearchedRange, Variable, variables_of
from slr_tune.importance.study_analysis import StudyImportance, study_importance

__all__ = [
    "EVALUATORS",
    "Bar",
    "Candidate",
    "Choice",
    "Importance",
    "SearchedRange",
    "StudyImportance",
    "Variable",
    "analyse",
    "choose_epoch",
    "study_importance",
    "values_at",
    "variables_of",
]
