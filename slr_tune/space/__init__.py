"""The search-space file: read, checked, and turned into a `StudySpec`.

Imports neither torch, ray nor optuna: a wrong file is refused at once.
"""

from slr_tune.space.choices import ChoiceParameter, FixedParameter
from slr_tune.space.factor_levels import with_level
from slr_tune.space.identity import difference
from slr_tune.space.load import load_spec
from slr_tune.space.numbers import FloatParameter, IntParameter
from slr_tune.space.parameter import Condition, Parameter, TrialLike
from slr_tune.space.reader import read_yaml
from slr_tune.space.sections import Budget, Objective, Resources
from slr_tune.space.simplex import SimplexParameter
from slr_tune.space.space import Misfit, Space
from slr_tune.space.spec import StudySpec
from slr_tune.space.teacher_section import TeacherSpec

__all__ = [
    "Budget",
    "ChoiceParameter",
    "Condition",
    "FixedParameter",
    "FloatParameter",
    "IntParameter",
    "Misfit",
    "Objective",
    "Parameter",
    "Resources",
    "SimplexParameter",
    "Space",
    "StudySpec",
    "TeacherSpec",
    "TrialLike",
    "difference",
    "load_spec",
    "read_yaml",
    "with_level",
]
