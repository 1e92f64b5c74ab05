"""Tries a space on the trainable that it is for, before a trial is spent on it.

Each end of each range, each option and each corner of a simplex is tried, under the choices that
it needs; then random corners, where only a rule between settings can still be broken.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from slr_tune.space.parameters import ChoiceParameter, Parameter, SimplexParameter
from slr_tune.space.parse_space import ParsedSpace
from slr_tune.space.problems import FileSection
from slr_tune.space.space import Point, Space
from slr_tune.space.validation import Fault, faults_of, unknown_keys
from slr_tune.space.values import MISSING, KeyPath, look_up, merge, nested, related, show
from slr_tune.space.yaml_tree import SourcePlace, key_text

MAX_EPOCHS: KeyPath = ("max_epochs",)
"""The one setting that a file gives elsewhere: as `budget.max_epochs`."""

_CORNERS = 64
"""Random corners that are tried."""


def known_space(root: FileSection, parsed: ParsedSpace, model: type[BaseModel]) -> Space:
    """Notes parameters that the trainable has no setting for; the space without them."""
    known = []
    places = dict(parsed.paths)  # a setting that several branches misspell is reported once
    section = FileSection(root.node, "space", root.problems)
    for parameter in parsed.space.parameters:
        entry = parsed.entries[parameter.name]
        if parameter.path == MAX_EPOCHS:
            message = "is set by budget.max_epochs and cannot be searched"
            section.refuse(message, "Search patience instead.", path=MAX_EPOCHS, at=entry.place)
            continue
        weights = parameter.weights if isinstance(parameter, SimplexParameter) else ()
        paths = [(*parameter.path, weight) for weight in weights] or [parameter.path]
        unknown = list(unknown_keys((model,), nested((path, None) for path in paths)))
        for path, names in unknown:
            section.refuse_key(model, path, names, at=places.setdefault(path, entry).place)
        if not unknown:
            known.append(parameter)
    return Space(tuple(known))


@dataclass
class SpaceCheck:
    """A space and its trainable.

    Attributes:
        root: The file.
        parsed: Places of the parameters.
        space: The parameters that the trainable knows.
        model: The trainable's class of settings.
        fixed: Every setting in addition to the values of a trial.
        start: The baseline's parameters, empty without one.
    """

    root: FileSection
    parsed: ParsedSpace
    space: Space
    model: type[BaseModel]
    fixed: Mapping[str, Any]
    start: Mapping[str, Any]

    def config(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration, not checked, of some parameters; others are in their middle."""
        return merge(self.fixed, self.space.suggest(Point(params)))

    def check(self) -> None:
        """Notes everything that the trainable refuses."""
        refused = [parameter for parameter in self.space.parameters if self._probe(parameter)]
        for fault in self._faults_at(self.start):
            if not any(related(fault.path, parameter.path) for parameter in refused):
                self._note_reference(fault)
        if not self.root.problems:
            self._try_corners()

    def _faults_at(self, params: Mapping[str, Any]) -> list[Fault]:
        return faults_of(self.model, self.config(params))

    def _probe(self, parameter: Parameter) -> bool:
        """Tries the ends of one parameter; whether any was refused."""
        params, by_name = dict(self.start), self.space.by_name
        for needed in self.space.conditions(parameter):
            if needed.choice in by_name:
                params |= by_name[needed.choice].encode(needed.branch)
        before = {(fault.path, fault.rule) for fault in self._faults_at(params)}
        refused = False
        for i, (label, value) in enumerate(parameter.probes()):
            for fault in self._faults_at(params | parameter.encode(value)):
                own = fault.path[: len(parameter.path)] == parameter.path
                if own or not (self._below(parameter, fault) or (fault.path, fault.rule) in before):
                    self._note_probe(parameter, i, label, value, fault)
                    refused = True
        return refused

    def _below(self, choice: Parameter, fault: Fault) -> bool:
        """Whether a fault is of a parameter under a choice, which is probed by itself."""
        return any(
            fault.path[: len(parameter.path)] == parameter.path
            for parameter in self.space.parameters
            if parameter.when is not None and parameter.when.choice == choice.name
        )

    def _note_probe(
        self, parameter: Parameter, index: int, label: str, value: Any, fault: Fault
    ) -> None:
        text = f"{label}={show(value)}" if label in ("low", "high", "fixed") else label
        hint = ""
        if fault.path == parameter.path and fault.value is not MISSING:
            text, hint = f"{text} {fault.rule}", fault.hint
        else:
            near = fault.path in (parameter.path, parameter.path[:-1])
            at = "" if near else f"{'.'.join(fault.path)}: "
            text = f"{text} is refused: {at}{fault.message}"
        place = self._place_of_probe(parameter, index)
        self.root.refuse(text, hint, path=("space", parameter.name), at=place)

    def _place_of_probe(self, parameter: Parameter, index: int) -> SourcePlace:
        """The bound or option itself where it is in the file."""
        node = self.parsed.entries[parameter.name].node
        range_node = node.child(parameter.kind)
        if isinstance(parameter, ChoiceParameter) and range_node and range_node.entries:
            key = key_text(parameter.options[index])
            return node.place_of((parameter.kind, key), of_key=True)
        is_list = parameter.kind in ("float", "int", "choice")
        return node.place_of((parameter.kind, str(index)) if is_list else (parameter.kind,))

    def _note_reference(self, fault: Fault) -> None:
        """Notes what is wrong with the baseline, with what is fixed, or with what is left out."""
        for name in ("baseline", "fixed") if self.start else ("fixed",):
            node = self.root.node.child(name)
            if node and look_up(node.plain(), fault.path) is not MISSING:
                FileSection(node, name, self.root.problems).refuse_faults([fault])
                return
        hint = "Give it under fixed or space." if fault.message == "is missing" else ""
        place = self._nearest_place(fault.path)
        self.root.refuse(fault.message, hint, path=fault.path, at=place)

    def _nearest_place(self, path: KeyPath) -> SourcePlace:
        """The part of the file that a setting which it does not name has to do with."""
        for parameter in self.space.parameters:
            if path and related(path, parameter.path):
                return self.parsed.entries[parameter.name].place
        section = "fixed" if self.root.node.child("fixed") else "space"
        return self.root.node.place_of((section,))

    def _try_corners(self) -> None:
        rng = random.Random(0)  # the same corners each time: the same file, the same verdict
        for _ in range(_CORNERS):
            params: dict[str, Any] = {}
            for parameter in self.space.parameters:
                params |= parameter.encode(rng.choice(parameter.probes())[1])
            if faults := self._faults_at(params):
                at = f"{'.'.join(faults[0].path)}: " if faults[0].path else ""
                values = show(self.space.suggest(Point(params)))
                text = f"{at}{faults[0].message}; refused values: {values}"
                self.root.refuse(text, "Narrow one of the ranges.", path=("space",))
                return
