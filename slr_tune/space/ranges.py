"""Ranges for settings by their names: what a first search of a stranger's script looks at."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from trainables.script.help_text import ScriptOption

_RATE = re.compile(r"(^|_)(lr|learning_rate|rate_learning|step_size)$|^(lr|learning_rate)(_|$)")
_DECAY = re.compile(r"weight_decay|^wd$|^l2$|l2_reg|lambda_l2")
_DROPOUT = re.compile(r"drop(out|path)?(_|$)|(^|_)drop(out)?|^p_drop")
_WIDTH = re.compile(r"hidden|(^|_)dim($|_)|width|units|channels|projection|d_model")
_LAYERS = re.compile(r"layers|depth|num_blocks|n_blocks")
_CLIP = re.compile(r"clip")
_BATCH = re.compile(r"batch_size|^batch$|^bs$")
_KIND = re.compile(r"optim|sched|activation|norm$|pool|arch|model_type|loss_type")
_NEVER = re.compile(
    r"schedule_(start|end)|_every|interval|workers|device|gpu|port|rank|path|dir|file|name|"
    r"vocab|classes|num_samples|log_|verbose|debug|precision|pin_|prefetch|version|min_lr|"
    r"steps?$|input_"
)


@dataclass(frozen=True)
class FirstRange:
    """What is searched of a setting at first.

    Attributes:
        text: As it is in a search-space file.
        default: The baseline's value.
    """

    text: str
    default: Any


def first_range(option: ScriptOption) -> FirstRange | None:
    """The range of an option by its name; None where it is to stay as it is."""
    name, value = option.plain_name, option.default
    if _NEVER.search(name) and not _RATE.search(name):
        return None
    if option.choices and value in option.choices and (_KIND.search(name) or _BATCH.search(name)):
        return _choice(list(option.choices), value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _number(name, value, whole=option.kind == "int" and isinstance(value, int))


def _number(name: str, value: float, *, whole: bool) -> FirstRange | None:
    if whole:
        if _BATCH.search(name) or _WIDTH.search(name):
            around = sorted({max(1, int(value) // 2), int(value), 2 * int(value)})
            return _choice(around, int(value))
        if _LAYERS.search(name):
            return FirstRange(f"{{int: [{max(1, int(value) - 1)}, {int(value) + 2}]}}", int(value))
        if "warmup" in name:
            return FirstRange(f"{{int: [0, {max(4, 2 * int(value))}]}}", int(value))
        return None
    if _RATE.search(name) or _CLIP.search(name):
        return _log(value, 10.0 if _RATE.search(name) else 5.0)
    if _DECAY.search(name):
        return _log(value, 10.0) or FirstRange("{float: [0.0, 1.0e-3]}", 0.0)
    if _DROPOUT.search(name):
        return _linear(0.0, 0.6, value)
    if "smoothing" in name:
        return _linear(0.0, 0.2, value)
    if name in ("momentum", "beta1"):
        return _linear(0.8, 0.99, value)
    if name in ("temperature", "temp", "tau"):
        return _linear(1.0, 8.0, value)
    if name in ("alpha", "beta", "gamma") or "loss_weight" in name or name.startswith("lambda"):
        return _linear(0.0, 1.0, value)
    return None


def _log(value: float, factor: float) -> FirstRange | None:
    if value <= 0 or not math.isfinite(value):
        return None
    ends = f"{_text(value / factor)}, {_text(value * factor)}"
    return FirstRange(f"{{float: [{ends}], log: true}}", float(value))


def _linear(low: float, high: float, value: float) -> FirstRange:
    low, high = min(low, value), max(high, value)
    return FirstRange(f"{{float: [{_text(low)}, {_text(high)}]}}", float(value))


def _choice(options: list[Any], value: Any) -> FirstRange:
    return FirstRange(f"{{choice: [{', '.join(map(_text, options))}]}}", value)


def _text(value: Any) -> str:
    """As YAML reads it back: `1.0e-05` for a small float."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    text = f"{value:.4g}"
    if "e" in text and "." not in text:
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa}.0e{exponent}"
    return text if any(mark in text for mark in ".e") else f"{text}.0"


value_text = _text
