"""What a factor's change costs: training, a look at a curve that is there, or decoding again.

Found from where a setting enters the run, not declared: the stopping settings are those that the
rule of early stopping takes, the decoding settings those of the beam search. All else is trained.

A run may recognise dev by a beam search while it trains (`decoding` in its configuration). Which
epoch is its best, and when it ends, goes by that; its arms are measured by the same decoder, but
for those that a decoding factor decodes otherwise, with the weights that are there.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from trainables.config import Decoding
from trainables.registry import is_recogniser
from trainables.runs.early_stopping import verdict

Config = Mapping[str, Any]
"""Settings of a run by name, groups as mappings."""

DECODING_GROUP = "decoding"
"""The decoder as a whole, also as a factor: greedy against a beam search."""


class Kind(StrEnum):
    """How the runs of a factor's levels are had, the costliest first."""

    TRAINED = "trained"
    STOPPING = "stopping"
    DECODING = "decoding"


@cache  # needed in every epoch of every trial
def stopping_settings() -> frozenset[str]:
    """Settings that say when a run ends: what the rule takes in addition to the curve."""
    parameters = inspect.signature(verdict).parameters.values()
    return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY) | {"early_stopping"}


def decoding_settings() -> dict[str, str]:
    """Settings of the beam search by the factor's name; the width is called `beam_width`."""
    from trainables.decoding.settings import BeamSettings

    names = [field.name for field in dataclasses.fields(BeamSettings)]
    return {"beam_width" if name == "width" else name: name for name in names}


def beam_of(decoding: Config) -> dict[str, float]:
    """Settings of the beam search that a group `decoding` names; empty for greedy decoding.

    Raises:
        pydantic.ValidationError: The group is refused.
    """
    from trainables.decoding.build import beam_settings

    settings = beam_settings(Decoding.model_validate(decoding))
    return {} if settings is None else dataclasses.asdict(settings)


def configured_beam(config: Config) -> dict[str, float]:
    """Settings of the beam search that a run recognises dev by; empty for greedy decoding."""
    decoding = config.get(DECODING_GROUP)  # greedy decoding is in no configuration
    return beam_of(decoding) if isinstance(decoding, Mapping) else {}


def kind_of(factor: str, trainable: str) -> Kind:
    """The kind of a factor, from its dotted name; of a custom run all is trained."""
    if not is_recogniser(trainable):
        return Kind.TRAINED
    if factor == DECODING_GROUP or factor in decoding_settings():
        return Kind.DECODING
    return Kind.STOPPING if factor.partition(".")[0] in stopping_settings() else Kind.TRAINED
