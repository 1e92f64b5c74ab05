"""A run's state in types that torch's `weights_only` loads again.

`torch.save` writes much that `weights_only` refuses later: a defaultdict, a namedtuple, a number of
numpy. What equals a plain value is stored as that value; the rest is named and refused.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

_SCALARS = (bool, int, float, complex, str, bytes)
_KEPT = (*_SCALARS, type(None), torch.Tensor, torch.nn.Parameter, torch.dtype, torch.device)
_DEPTH = 100
_RULE = "a state may contain tensors, numbers, strings, None, dicts, lists and tuples"


def plain_state(value: Any, where: str = "state") -> tuple[Any, list[str]]:
    """Converts a state to plain types, each value equal to the one it replaces.

    Args:
        value: What a run gave.
        where: Its name in a message.

    Returns:
        The converted state, and a line for each value that has no plain equal.
    """
    problems: list[str] = []
    return _plain(value, where, problems, 0), problems


def unloadable_keys(state: Mapping[str, Any]) -> list[str]:
    """Keys whose values `weights_only` does not load again, each tried by itself."""
    return [key for key, value in state.items() if not _loads_again(value)]


def _plain(value: Any, where: str, problems: list[str], depth: int) -> Any:
    if type(value) in _KEPT:
        return value
    if depth > _DEPTH:
        problems.append(f"{where[:80]}... is nested more than {_DEPTH} deep, or contains itself")
        return None
    if isinstance(value, Mapping):
        return _plain_mapping(value, where, problems, depth)
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{where}[{i}]", problems, depth + 1) for i, item in enumerate(value)]
        _check_attributes(value, where, problems)
        return items if isinstance(value, list) else tuple(items)
    found = _plain_scalar(value)
    if isinstance(value, torch.Tensor):
        _check_attributes(value, where, problems)
    if found is None:
        problems.append(f"{where} is a {type(value).__name__}; {_RULE}{_advice(value)}")
    return found


def _plain_mapping(value: Mapping[Any, Any], where: str, problems: list[str], depth: int) -> Any:
    items = [
        (
            _plain(key, f"a key of {where}", problems, depth + 1),
            _plain(item, f"{where}[{key!r}]", problems, depth + 1),
        )
        for key, item in value.items()
    ]
    if type(value) is OrderedDict:
        # A module's state_dict: its versions are in an attribute, which torch stores.
        ordered = OrderedDict(items)
        ordered.__dict__.update(_plain(vars(value), f"vars({where})", problems, depth + 1))
        return ordered
    if isinstance(value, dict):
        _check_attributes(value, where, problems)
    return dict(items)


def _plain_scalar(value: Any) -> Any:
    """The plain equal of one value, None where it has none."""
    if isinstance(value, torch.Tensor):
        wrapped = torch.utils._python_dispatch.is_traceable_wrapper_subclass(value)
        special = wrapped or torch.nn.parameter.is_lazy(value)
        return None if special else value.detach().as_subclass(torch.Tensor)
    if isinstance(value, np.generic):
        item = value.item()
        return item if type(item) in _SCALARS else None
    # Classes that derive from these, as enumerations of numbers and texts do.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return bytes(value) if isinstance(value, bytes) else None


def _check_attributes(value: Any, where: str, problems: list[str]) -> None:
    """Refuses a container with fields of its own, which would be lost."""
    own = sorted(getattr(value, "__dict__", {}))
    if own:
        name = type(value).__name__
        problems.append(f"{where} is a {name} with attributes ({', '.join(own)}); {_RULE}")


def _advice(value: Any) -> str:
    """How to give what is often in a state."""
    if isinstance(value, np.ndarray):
        return "; give an array as torch.from_numpy(array)"
    if isinstance(value, set | frozenset) or hasattr(value, "__iter__"):
        return "; give it as a list"
    return ""


def _loads_again(value: Any) -> bool:
    buffer = io.BytesIO()
    try:
        torch.save(value, buffer)
        buffer.seek(0)
        torch.load(buffer, map_location="cpu", weights_only=True)
    except (pickle.PickleError, RuntimeError, ValueError, TypeError, AttributeError):
        return False
    return True
