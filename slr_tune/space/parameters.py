"""All kinds of parameter, by their names in the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slr_tune.space.choices import ChoiceParameter, FixedParameter
from slr_tune.space.numbers import FloatParameter, IntParameter
from slr_tune.space.parameter import Condition, Parameter
from slr_tune.space.simplex import SimplexParameter

KINDS: dict[str, type[Parameter]] = {
    kind.kind: kind
    for kind in (FloatParameter, IntParameter, ChoiceParameter, SimplexParameter, FixedParameter)
}
"""Every kind by its name in the file."""


def from_json(data: Mapping[str, Any]) -> Parameter:
    """A parameter from what `Parameter.to_json` gave."""
    fields = {key: value for key, value in data.items() if key not in ("kind", "when")}
    when = data.get("when")
    fields["when"] = Condition(when["choice"], when["branch"]) if when else None
    for key in ("path", "options", "weights"):
        if key in fields:
            fields[key] = tuple(fields[key])
    return KINDS[data["kind"]](**fields)
