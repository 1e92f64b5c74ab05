"""The search-space file: read, checked, and turned into a `StudySpec`.

Imports neither torch, ray nor optuna: a wrong file is refused at once.
"""

from slr_tune.space.identity import difference
from slr_tune.space.overrides import apply_options, apply_overrides
from slr_tune.space.parameters import (
    ChoiceParameter,
    Condition,
    FixedParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    SimplexParameter,
    TrialLike,
    from_json,
)
from slr_tune.space.problems import FileSection, ProblemList
from slr_tune.space.sections import Budget, ObjectiveSpec, Resources, TeacherSpec, read_data
from slr_tune.space.space import Point, Space
from slr_tune.space.spec import StudySpec, load_spec
from slr_tune.space.validation import faults_of, validated
from slr_tune.space.values import MISSING, look_up, merge, show, with_level
from slr_tune.space.yaml_reader import parse_value, read_yaml
from slr_tune.space.yaml_tree import Node, SourcePlace, kind_of

__all__ = [
    "MISSING",
    "Budget",
    "ChoiceParameter",
    "Condition",
    "FileSection",
    "FixedParameter",
    "FloatParameter",
    "IntParameter",
    "Node",
    "ObjectiveSpec",
    "Parameter",
    "Point",
    "ProblemList",
    "Resources",
    "SimplexParameter",
    "SourcePlace",
    "Space",
    "StudySpec",
    "TeacherSpec",
    "TrialLike",
    "apply_options",
    "apply_overrides",
    "difference",
    "faults_of",
    "from_json",
    "kind_of",
    "load_spec",
    "look_up",
    "merge",
    "parse_value",
    "read_data",
    "read_yaml",
    "show",
    "validated",
    "with_level",
]
