"""Which parameter matters: importance at matched epochs, with its uncertainty."""

from slr_tune.importance.analysis import EVALUATORS, Bar, Importance, analyse
from slr_tune.importance.epochs import Candidate, Choice, choose_epoch, values_at
from slr_tune.importance.study import StudyImportance, study_importance
from slr_tune.importance.variables import Range, Variable, variables_of

__all__ = [
    "EVALUATORS",
    "Bar",
    "Candidate",
    "Choice",
    "Importance",
    "Range",
    "StudyImportance",
    "Variable",
    "analyse",
    "choose_epoch",
    "study_importance",
    "values_at",
    "variables_of",
]
