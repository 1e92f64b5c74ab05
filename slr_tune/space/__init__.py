"""The search-space file: read, checked, and turned into a `StudySpec`.

Imports neither torch, ray nor optuna: a wrong file is refused at once.
"""

from slr_tune.space.identity import difference
from slr_tune.space.parameters import (
    ChoiceParameter,
    FixedParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    SimplexParameter,
)
from slr_tune.space.sections import Resources, TeacherSpec
from slr_tune.space.space import Point, Space
from slr_tune.space.spec import StudySpec, load_spec
from slr_tune.space.validation import faults_of, validated
from slr_tune.space.values import MISSING, look_up, with_level

__all__ = [
    "MISSING",
    "ChoiceParameter",
    "FixedParameter",
    "FloatParameter",
    "IntParameter",
    "Parameter",
    "Point",
    "Resources",
    "SimplexParameter",
    "Space",
    "StudySpec",
    "TeacherSpec",
    "difference",
    "faults_of",
    "load_spec",
    "look_up",
    "validated",
    "with_level",
]
