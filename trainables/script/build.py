"""A script's class of settings and of runs, made from its description. Imports no torch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from trainables.script.spec import script_of

if TYPE_CHECKING:
    from trainables.script.run import ScriptRun

Value = None | bool | int | float | str | list[Any]
"""What a setting of a script may be."""

_MAX_EPOCHS = Annotated[int, Field(ge=1)]


@cache
def script_settings(name: str) -> type[BaseModel]:
    """Class of the settings of a script.

    They are the names in braces, and the keys of its configuration file with their values there.
    Where settings are passed as `--name value`, it is open: the script itself knows its options.

    Args:
        name: The script's.
    """
    script = script_of(name)
    tree: dict[str, Any] = {}
    if script.config is not None:
        _plant(tree, script.config.content)
        for key in script.config.set:
            _uproot(tree, key.split("."))
    for setting in script.settings():
        _sprout(tree, setting.split("."))
    tree.pop("max_epochs", None)
    fields = {"max_epochs": (_MAX_EPOCHS, 20), **_fields(tree)}
    return _model(script.title, fields, is_open=script.appends)


@cache
def script_run(name: str) -> type[ScriptRun]:
    """Class of the runs of a script."""
    from trainables.script.run import ScriptRun

    members = {
        "config_class": script_settings(name),
        "script": script_of(name),
        "__doc__": f"A run of {script_of(name).title}.",
        "__module__": ScriptRun.__module__,
    }
    return type("ScriptRun", (ScriptRun,), members)


def _plant(tree: dict[str, Any], content: Mapping[str, Any]) -> None:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            _plant(tree.setdefault(key, {}), value)
        else:
            tree[key] = (value,)


def _sprout(tree: dict[str, Any], path: list[str]) -> None:
    """A setting that is in no file: None where nothing gives it."""
    for key in path[:-1]:
        below = tree.get(key)
        if not isinstance(below, dict):
            below = tree[key] = {}
        tree = below
    if path[-1] not in tree:
        tree[path[-1]] = (None,)


def _uproot(tree: dict[str, Any], path: list[str]) -> None:
    for key in path[:-1]:
        tree = tree.get(key, {})
        if not isinstance(tree, dict):
            return
    tree.pop(path[-1], None)


def _fields(tree: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in tree.items():
        if key.startswith("_") or hasattr(BaseModel, key) and key.startswith("model_"):
            continue  # pydantic has no room for them
        if isinstance(value, dict):
            if not value:
                continue
            model = _model(key, _fields(value), is_open=False)
            fields[key] = (model, Field(default_factory=model))
        else:
            fields[key] = (Value, value[0])
    return fields


def _model(title: str, fields: Mapping[str, Any], *, is_open: bool) -> type[BaseModel]:
    config = ConfigDict(
        extra="allow" if is_open else "forbid", frozen=True, protected_namespaces=()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a setting may be called `copy` or `json`
        model: type[BaseModel] = create_model(title, __config__=config, **fields)
    return model
