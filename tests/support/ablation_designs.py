"""Designs by their options, as most tests want them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slr_tune.ablation import design
from slr_tune.ablation.options import AblationOptions


def make_design(
    space: Path | None = None, *, factors: Sequence[str] = (), **options: Any
) -> design.Design:
    """The design of a space with these options; the rest have their defaults."""
    return design.make_design(space, AblationOptions(factors=tuple(factors), **options))
