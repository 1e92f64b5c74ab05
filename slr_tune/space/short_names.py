"""Short names of settings that people type on a command line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches

from slr_tune.errors import nearest_or_all
from slr_tune.space.yaml_tree import Node, key_text
from trainables.registry import BUILT_IN_NAMES, config_class

SHORT_NAMES: Mapping[str, str] = {
    "lr": "learning_rate",
    "bs": "batch_size",
    "wd": "weight_decay",
    "T": "temperature",
}
"""Short name -> setting of a recogniser. A custom run with a setting `lr` means its own."""

_PLACES = ("fixed", "space", "baseline")
"""Sections of a search-space file that hold settings by their names."""


def full_path(path: Sequence[str], known: Collection[str]) -> list[str]:
    """A dotted key with the short name of a setting written out.

    Args:
        path: Parts of the key, as it was typed.
        known: Keys that are there under the part before the short name; they win.

    Returns:
        The parts with the first or the second one written out: `lr` or `fixed.lr`.
    """
    parts = list(path)
    place = 1 if len(parts) > 1 and parts[0] in _PLACES else 0
    if parts[place] in SHORT_NAMES and parts[place] not in known:
        parts[place] = SHORT_NAMES[parts[place]]
    return parts


def short_names_hold(root: Node) -> bool:
    """Whether a file is of a recogniser that is built in, so that short names mean its settings."""
    trainable = root.child("trainable")
    return trainable is not None and trainable.value in BUILT_IN_NAMES


def section_hint(name: str, root: Node, sections: Collection[str]) -> str:
    """What was meant by a key that is not a section of the file.

    Args:
        name: The key: a misspelt section, or a setting without its section.
        root: The file.
        sections: All sections there are.

    Returns:
        Such as "Did you mean fixed.dropout, space.dropout or baseline.dropout?".
    """
    held = {place: _keys(root.child(place)) for place in _PLACES}
    settings = set().union(*held.values())
    full = name if name in settings else SHORT_NAMES.get(name, name)
    if places := _sections_with(full):
        return f"Did you mean {' or '.join(places)}?"
    if short_names_hold(root):
        trainable = root.child("trainable")
        assert trainable is not None
        settings |= config_class(str(trainable.value)).model_fields.keys()
    if full not in settings or get_close_matches(name, sections, n=1):
        return nearest_or_all(name, sections)
    there = [place for place in _PLACES if full in held[place]] or list(_PLACES)
    *first, last = [f"{place}.{full}" for place in there]
    return f"Did you mean {', '.join(first)}{' or ' if first else ''}{last}?"


def set_advice(name: str, *, flat: bool, value: str = "VALUE") -> str:
    """How to give a setting that was typed as an option; empty where it is not a setting.

    Args:
        name: The option without its dashes, or the setting's name.
        flat: Whether settings are in no section, as for a single training.
        value: Its new value.
    """
    full = SHORT_NAMES.get(name, name)
    if not flat and (places := _sections_with(full)):
        return f"Give a setting with --set: --set {places[0]}={value}"
    if not any(full in config_class(run).model_fields for run in BUILT_IN_NAMES):
        return ""
    if flat:
        return f"Give a setting with --set: --set {name}={value}"
    own = f" (fixed.{name} if your own run calls it so)" if name != full else ""
    return f"Give a setting with --set: --set fixed.{full}={value}{own}"


_OTHER_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("epochs", "epoch", "num_epochs", "n_epochs"), "max_epochs"),
    **dict.fromkeys(("n_trials", "num_trials"), "trials"),
    **dict.fromkeys(("gpu", "gpus"), "gpus_per_trial"),
    **dict.fromkeys(("cpu", "cpus"), "cpus_per_trial"),
    "timeout": "trial_timeout",
    "eta": "reduction_factor",
}
"""What people call a field of a section."""


def _sections_with(name: str) -> list[str]:
    """Where a name is in a section that does not hold settings: `budget.trials`."""
    from slr_tune.space.sections import Budget, ObjectiveSpec, Resources

    name = _OTHER_WORDS.get(name, name)
    sections = {"budget": Budget, "resources": Resources, "objective": ObjectiveSpec}
    found = [f"{key}.{name}" for key, cls in sections.items() if name in _fields_of(cls)]
    return [*found, "search.strategy"] if name in ("strategy", "sampler") else found


def _fields_of(section: type) -> set[str]:
    return {field.name for field in fields(section)}


def _keys(node: Node | None) -> set[str]:
    return set() if node is None else {key_text(key) for key in node.entries}
