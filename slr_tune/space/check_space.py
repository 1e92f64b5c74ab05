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
from slr_tune.space.problems import ProblemList, dotted, note_faults, note_unknown
from slr_tune.space.space import Point, Space
from slr_tune.space.validation import Fault, RunSettings
from slr_tune.space.values import MISSING, Path, look_up, nested, related, show
from slr_tune.space.yaml_tree import MappingEntry, Node, SourcePlace, key_text

MAX_EPOCHS: Path = ("max_epochs",)
"""The one setting that a file gives elsewhere: as `budget.max_epochs`."""

_CORNERS = 64
"""Random corners that are tried."""


def known_space(parsed: ParsedSpace, model: type[BaseModel], problems: ProblemList) -> Space:
    """Notes parameters that the trainable has no setting for; the space without them."""
    known = []
    places = dict(parsed.paths)
    for parameter in parsed.space.parameters:
        entry = parsed.entries[parameter.name]
        if parameter.path == MAX_EPOCHS:
            said = "is set by budget.max_epochs and cannot be searched"
            hint = "Search patience instead."
            problems.add(entry.place, "space.max_epochs", said, hint)
        elif not _note_unknown_parameter(parameter, entry, places, model, problems):
            known.append(parameter)
    return Space(tuple(known))


def _note_unknown_parameter(
    parameter: Parameter,
    entry: MappingEntry,
    places: dict[Path, MappingEntry],
    model: type[BaseModel],
    problems: ProblemList,
) -> bool:
    """Whether the trainable lacks a setting of a parameter; told once of all branches."""
    weights = parameter.weights if isinstance(parameter, SimplexParameter) else ()
    paths = [(*parameter.path, weight) for weight in weights] or [parameter.path]
    values = nested((path, None) for path in paths)

    def place_of(path: Path) -> SourcePlace:
        return places.setdefault(path, entry).place

    return bool(note_unknown(model, values, place_of, "space", problems))


@dataclass
class SpaceCheck:
    """A space, its trainable, and where problems go.

    Attributes:
        root: The file's tree.
        parsed: Places of the parameters.
        space: The parameters that the trainable knows.
        run: Makes and judges configurations.
        start: The baseline's parameters, empty without one.
        problems: Gets what is refused.
    """

    root: Node
    parsed: ParsedSpace
    space: Space
    run: RunSettings
    start: Mapping[str, Any]
    problems: ProblemList

    @property
    def reference(self) -> dict[str, Any]:
        """Values of the baseline, or of the middle of the space."""
        return self.space.suggest(Point(self.start))

    def check(self) -> None:
        """Notes everything that the trainable refuses."""
        refused = [parameter for parameter in self.space.parameters if self._probe(parameter)]
        for fault in self.run.faults(self.reference):
            if not any(related(fault.path, parameter.path) for parameter in refused):
                self._note_reference(fault)
        if not self.problems:
            self._try_corners()

    def _faults_at(self, params: Mapping[str, Any]) -> list[Fault]:
        return self.run.faults(self.space.suggest(Point(params)))

    def _probe(self, parameter: Parameter) -> bool:
        """Tries the ends of one parameter; whether any was refused."""
        params = {**self.start, **self._way_to(parameter)}
        before = set(map(_key, self._faults_at(params)))
        refused = False
        for i, (label, value) in enumerate(parameter.probes()):
            for fault in self._faults_at(params | parameter.encode(value)):
                own = fault.path[: len(parameter.path)] == parameter.path
                if own or not (self._below(parameter, fault) or _key(fault) in before):
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

    def _way_to(self, parameter: Parameter) -> dict[str, Any]:
        """Choices under which a parameter applies."""
        by_name = self.space.by_name
        params: dict[str, Any] = {}
        for needed in self.space.conditions(parameter):
            if needed.choice in by_name:
                params |= by_name[needed.choice].encode(needed.branch)
        return params

    def _note_probe(
        self, parameter: Parameter, index: int, label: str, value: Any, fault: Fault
    ) -> None:
        place, name = self._place_of_probe(parameter, index), f"space.{parameter.name}"
        said = f"{label}={show(value)}" if label in ("low", "high", "fixed") else label
        if fault.path == parameter.path and not fault.sentence:
            self.problems.add(place, name, f"{said} {fault.rule}", fault.hint)
        else:
            near = fault.path in (parameter.path, parameter.path[:-1])
            at = "" if near else f"{'.'.join(fault.path)}: "
            self.problems.add(place, name, f"{said} is refused: {at}{fault.message}")

    def _place_of_probe(self, parameter: Parameter, index: int) -> SourcePlace:
        """The bound or option itself where it stands in the file."""
        node = self.parsed.entries[parameter.name].node
        range_node = node.child(parameter.kind)
        if isinstance(parameter, ChoiceParameter) and range_node and range_node.entries:
            key = key_text(parameter.options[index])
            return node.place_of((parameter.kind, key), of_key=True)
        is_list = parameter.kind in ("float", "int", "choice")
        return node.place_of((parameter.kind, str(index)) if is_list else (parameter.kind,))

    def _note_reference(self, fault: Fault) -> None:
        """Notes what is wrong with the baseline, with what is fixed, or with what is left out."""
        for section in ("baseline", "fixed") if self.start else ("fixed",):
            node = self.root.child(section)
            if node and look_up(node.plain(), fault.path) is not MISSING:
                note_faults([fault], node, section, self.problems)
                return
        hint = "Give it under fixed or space." if fault.message == "is missing" else ""
        place = self._nearest_place(fault.path)
        self.problems.add(place, dotted("", fault.path), fault.message, hint)

    def _nearest_place(self, path: Path) -> SourcePlace:
        """The part of the file that a setting which it does not name has to do with."""
        for parameter in self.space.parameters:
            if path and related(path, parameter.path):
                return self.parsed.entries[parameter.name].place
        for section in ("fixed", "space"):
            if node := self.root.child(section):
                return node.place
        return self.root.place

    def _try_corners(self) -> None:
        rng = random.Random(0)  # the same corners each time: the same file, the same verdict
        for _ in range(_CORNERS):
            params: dict[str, Any] = {}
            for parameter in self.space.parameters:
                params |= parameter.encode(rng.choice(parameter.probes())[1])
            if faults := self._faults_at(params):
                node = self.root.child("space") or self.root
                at = f"{dotted('', faults[0].path)}: " if faults[0].path else ""
                values = show(self.space.suggest(Point(params)))
                said = f"{at}{faults[0].message}; refused are {values}"
                self.problems.add(node, "space", said, "Narrow one of the ranges.")
                return


def _key(fault: Fault) -> tuple[Path, str]:
    return fault.path, fault.rule
