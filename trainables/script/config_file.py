"""A script's own configuration file: read as a template, written for each run."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trainables.errors import ConfigError, first_line
from trainables.files.atomic import replace_file
from trainables.script.command import Filling, flat_settings
from trainables.script.spec import ConfigTemplate

ENDINGS = (".yaml", ".yml", ".json")


def read_template(path: Path) -> dict[str, Any]:
    """What a template holds.

    Raises:
        ConfigError: It is not there, no YAML or JSON, or no mapping.
    """
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path} must end with one of {', '.join(ENDINGS)}")
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}",
            hint=f"A relative path starts at the working directory, {Path.cwd()}.",
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {first_line(error)}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} contains no mapping of settings")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(content))  # keys as text; no dates
    except TypeError as error:
        raise ConfigError(f"{path} contains what JSON cannot: {error}") from error
    return plain


def write_config(config: ConfigTemplate, filling: Filling) -> Path:
    """Writes the file of one run, the template's other settings as they are."""
    content = copy.deepcopy(config.content)
    known = flat_settings(content)
    for name, value in filling.settings.items():
        if not isinstance(value, Mapping) and (name in known or _has(content, name)):
            _put(content, name.split("."), value)
    for name, given in config.set.items():
        _put(content, name.split("."), filling.value(given))
    path = Path(filling.text(config.file))
    path.parent.mkdir(parents=True, exist_ok=True)
    is_json = path.suffix == ".json"
    text = (
        json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        if is_json
        else yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    )
    replace_file(path, text.encode())
    return path


def _has(content: Mapping[str, Any], name: str) -> bool:
    here: Any = content
    for key in name.split("."):
        if not isinstance(here, Mapping) or key not in here:
            return False
        here = here[key]
    return True


def _put(content: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        below = content.get(key)
        content[key] = below if isinstance(below, dict) else {}
        content = content[key]
    content[path[-1]] = value
