"""Checks of plain values against a pydantic model or a dataclass, reported in plain words."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from slr_tune.space.values import MISSING, KeyPath, show

QUOTED_NUMBER = "Write the number without quotes, underscores or spaces."


@dataclass(frozen=True)
class Fault:
    """One thing that a model or a space refuses.

    Attributes:
        path: Keys and list positions down to the value.
        rule: What was broken: "must be at least 1", or a sentence that says it all.
        value: The value that broke the rule; MISSING where the rule says it all.
        of_key: Whether the key itself should not be there.
        hint: The way out, may be empty.
    """

    path: KeyPath
    rule: str
    value: Any = MISSING
    of_key: bool = False
    hint: str = ""

    @property
    def message(self) -> str:
        """The rule and the value."""
        return self.rule if self.value is MISSING else f"{self.rule}, not {show(self.value)}"


def faults_of(kind: Any, plain: Any) -> list[Fault]:
    """Everything that a type refuses in a plain value.

    Scalars are checked strictly: "3" is not a number, 3.0 no whole number and "no" no truth value,
    whatever the model would make of them. Lists may stand for tuples and sets.

    Args:
        kind: A pydantic model, a dataclass, or any type that pydantic knows.
        plain: Mappings, lists and scalars.
    """
    text, adapter = json.dumps(plain), TypeAdapter(kind)
    errors = _errors(adapter, text, strict=False)
    reported = {error["loc"] for error in errors}
    errors += [
        error
        for error in _errors(adapter, text, strict=True)
        if error["type"] in _COERCED and error["loc"] not in reported
    ]
    return _merged(_fault(details, plain) for details in errors)


_COERCED = ("int_type", "int_from_float", "float_type", "bool_type", "string_type")
"""Errors of the strict check that count in addition to those of the lax one.

The strict check alone would refuse a list for a tuple inside a model that has validators of its
own: pydantic then forgets that the value came from JSON, which has no tuples.
"""


def _errors(adapter: TypeAdapter[Any], text: str, *, strict: bool) -> list[ErrorDetails]:
    try:
        adapter.validate_json(text, strict=strict)
    except ValidationError as error:
        return error.errors()
    return []


def validated(kind: Any, plain: Any) -> Any:
    """The checked object.

    Raises:
        ValidationError: As listed by `faults_of`.
    """
    return TypeAdapter(kind).validate_json(json.dumps(plain))


def as_json(model: type[BaseModel], plain: Any) -> dict[str, Any]:
    """The checked settings of a model as JSON.

    Raises:
        ValidationError: As listed by `faults_of`.
    """
    checked: BaseModel = validated(model, plain)
    return checked.model_dump(mode="json", warnings=False)


def defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    """Default settings as JSON; fields without a default are left out.

    Raises:
        pydantic_core.PydanticSerializationError: A default cannot be written as JSON.
    """
    return model.model_construct().model_dump(mode="json", warnings=False)


def unknown_keys(
    kinds: tuple[Any, ...], values: Mapping[str, Any], prefix: KeyPath = ()
) -> Iterator[tuple[KeyPath, list[str]]]:
    """Keys that no model has a field for, each with the fields there are.

    Pydantic reports it only where a model forbids extra keys; a user's model often ignores them.

    Args:
        kinds: Models that the mapping may be for.
        values: Nested mapping.
        prefix: KeyPath of the mapping.
    """
    fields = fields_of(kinds)
    is_open = any(_allows_extra(kind) for kind in kinds)
    for key, value in values.items():
        if key not in fields:
            if not is_open:
                yield (*prefix, key), list(fields)
        elif isinstance(value, Mapping) and (below := _models(fields[key])):
            yield from unknown_keys(below, value, (*prefix, key))


def is_group(model: type[BaseModel], path: KeyPath) -> bool:
    """Whether a path leads to a mapping of settings rather than to one setting."""
    kinds: tuple[Any, ...] = (model,)
    annotation: Any = model
    for key in path:
        fields = fields_of(kinds)
        if key not in fields:
            return any(_allows_extra(kind) for kind in kinds)
        annotation = fields[key]
        kinds = _models(annotation)
    return bool(kinds) or any(
        kind is Any or kind is dict or get_origin(kind) in (dict, Mapping, types.MappingProxyType)
        for kind in _members(annotation)
    )


def owner(model: type[BaseModel], path: KeyPath) -> str:
    """What a setting belongs to: its group, or the trainable's class of settings."""
    return path[-2] if len(path) > 1 else model.__name__


def fields_of(kinds: tuple[Any, ...]) -> dict[str, Any]:
    """Names and annotations of the fields of models and dataclasses."""
    fields: dict[str, Any] = {}
    for kind in kinds:
        if dataclasses.is_dataclass(kind):
            fields |= {field.name: field.type for field in dataclasses.fields(kind)}
        else:
            fields |= {name: field.annotation for name, field in kind.model_fields.items()}
    return fields


def _allows_extra(kind: Any) -> bool:
    return getattr(kind, "model_config", {}).get("extra") == "allow"


def _models(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The models among the members of an annotation."""
    return tuple(
        member
        for member in _members(annotation)
        if isinstance(member, type) and issubclass(member, BaseModel)
    )


def _members(annotation: Any) -> tuple[Any, ...]:
    """What an annotation allows: unions and Annotated taken apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(part for member in get_args(annotation) for part in _members(member))
    return (annotation,)


_RULES = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    "string_type": "must be a text",
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list"),
    **dict.fromkeys(("dict_type", "model_type", "dataclass_type"), "must be a mapping"),
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "string_too_short": "must not be empty",
}
"""Pydantic's error types in our words; `{}` takes the value from the error's context."""


def _fault(details: ErrorDetails, plain: Any) -> Fault:
    path = _path(details, plain)
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        return Fault(path, "is missing")
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return Fault(path, "is not known", of_key=True)
    if kind in ("value_error", "assertion_error"):
        return Fault(path, str(context.get("error", details["msg"])))
    if kind in _RULES:
        limits = {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}
        return Fault(path, _RULES[kind].format(**limits), details["input"])
    message = details["msg"].replace("Input should be", "must be")
    return Fault(path, message[:1].lower() + message[1:], details["input"])


def _path(details: ErrorDetails, plain: Any) -> KeyPath:
    """The error's location without the names of union members, which are not keys."""
    path: list[str] = []
    here = plain
    for item in details["loc"]:
        if isinstance(here, Mapping) and item in here:
            here = here[str(item)]
        elif isinstance(here, list) and isinstance(item, int) and item < len(here):
            here = here[item]
        elif not (details["type"] == "missing" and item == details["loc"][-1]):
            continue
        path.append(str(item))
    return tuple(path)


def _merged(faults: Iterator[Fault]) -> list[Fault]:
    """One fault a value: the members of a union each complain of it."""
    by_path: dict[KeyPath, Fault] = {}
    for fault in faults:
        first = by_path.get(fault.path)
        if first is None:
            by_path[fault.path] = fault
        elif fault.rule not in first.rule.split(" or "):
            rule = f"{first.rule} or {fault.rule.removeprefix('must be ')}"
            by_path[fault.path] = dataclasses.replace(first, rule=rule)
    return [dataclasses.replace(fault, hint=_hint(fault)) for fault in by_path.values()]


def _hint(fault: Fault) -> str:
    """A way out for values that YAML or a habit makes wrong."""
    if "true or false" in fault.rule and isinstance(fault.value, str):
        return "Write true or false; yes, no, on and off are texts here."
    if isinstance(fault.value, str) and re.fullmatch(r"[-+.]?[0-9][-+0-9_.,eE ]*", fault.value):
        return QUOTED_NUMBER
    if isinstance(fault.value, float) and "whole number" in fault.rule:
        return f"For example {math.floor(fault.value)}."
    return ""
