"""What a node needs to train, what it lacks, and the table of all nodes."""

from __future__ import annotations

import os
import socket
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slr_tune.study.folders import studies_root
from slr_tune.text import duration, size_text
from trainables.data import Dataset
from trainables.registry import run_title

STUDIES = "studies folder"
TEACHER = "teacher"
DATA = "data"

_WIDTH = 80
_LITTLE_ROOM = 1_000_000_000
_CLOCK_SECONDS = 5.0
_CALL_SECONDS = 2.0


@dataclass(frozen=True)
class NodeNeeds:
    """What every node of a cluster must have.

    Attributes:
        trainable: Name of the run.
        files: What it must read with the same content, by what it is.
        folders: What it must share with the driver and write to, by what it is.
        modules: Folder of the command; a custom run may lie there.
    """

    trainable: str
    files: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    modules: str = field(default_factory=os.getcwd)

    def question(
        self, *, name: str, nonce: str, gpu: bool, place: Sequence[str] = ()
    ) -> dict[str, Any]:
        """What `node_probe.probe` takes."""
        return {
            "place": list(place),
            "name": name,
            "nonce": nonce,
            "gpu": gpu,
            "trainable": self.trainable,
            "modules": self.modules,
            "files": dict(self.files),
            "folders": dict(self.folders),
        }


def node_needs(trainable: str, data: Dataset | None, *, shared: bool = True) -> NodeNeeds:
    """What a node needs for a run on data.

    Args:
        trainable: The run.
        data: Its data; None for a run without.
        shared: Whether the studies' folder must be the driver's; files in a remote place need none.
    """
    files = {}
    if data is not None:
        files = {DATA: str(data.whole_folder)}
        if data.folder != data.whole_folder:
            files["part of the data"] = str(data.folder)
    return NodeNeeds(trainable, files, {STUDIES: str(studies_root())} if shared else {})


@dataclass
class Node:
    """A node of the cluster.

    Attributes:
        id: Ray's name for it.
        host: The machine's name.
        cpus: CPU cores that it offers.
        gpus: GPUs that it offers.
        address: Host and port of Ray there.
        answer: What it reported about itself, None before.
        clock: Seconds by which its clock is ahead of the driver's.
        lacks: Why it cannot train; empty where it can.
        notes: What a person should know of it all the same.
    """

    id: str
    host: str
    cpus: float
    gpus: float
    address: tuple[str, int] = ("", 0)
    answer: Mapping[str, Any] | None = None
    clock: float = 0.0
    lacks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """For a person: machines may be called alike."""
        return f"{self.host[:13]} {self.id[:8]}"

    def answers(self) -> bool:
        """Whether Ray listens there."""
        try:
            with socket.create_connection(self.address, timeout=_CALL_SECONDS):
                return True
        except OSError:
            return False

    def judge(
        self, answer: Mapping[str, Any], own: Mapping[str, Any], needs: NodeNeeds, *, gpu: bool
    ) -> None:
        """Says what it lacks and what is worth a note, from its answer and the driver's."""
        self.lacks += lacking(answer, own, needs)
        if gpu and self.gpus and not answer.get("gpus", 1):
            self.lacks.append(f"torch {answer['torch']} sees none of its GPUs")
        if self.answer is not None:
            return
        self.answer = answer
        if abs(self.clock) > _CLOCK_SECONDS:
            side = "ahead of" if self.clock > 0 else "behind"
            self.notes.append(f"its clock is {duration(abs(self.clock))} {side} the driver's")
        for place, free in answer["free"].items():
            if free < _LITTLE_ROOM:
                self.notes.append(f"{size_text(free)} are free in {place}")


def lacking(answer: Mapping[str, Any], own: Mapping[str, Any], needs: NodeNeeds) -> list[str]:
    """What a node lacks, each a clause for a person.

    Args:
        answer: The node's, as `node_probe.probe` gives it.
        own: The driver's.
        needs: What was requested.
    """
    problems = {what: text for what, text in answer["problems"].items() if what in _TOLD}
    run = run_title(needs.trainable)
    found = [_TOLD[what].format(text, run=run) for what, text in problems.items()]
    if _minor(answer["python"]) != _minor(own["python"]):
        found.append(f"Python {answer['python']} there, {own['python']} here")
    if "code" not in problems and answer["code"] != own["code"]:
        found.append(f"its slr-tune has other code: {answer['code']} there, {own['code']} here")
    if "torch" in answer and _release(answer["torch"]) != _release(own["torch"]):
        found.append(f"torch {answer['torch']} there, {own['torch']} here")
    if "own" in answer and answer["own"] != own["own"]:
        found.append(f"{run} differs there")
    for what, path in needs.folders.items():
        if what in answer["problems"]:
            found.append(f"it does not share the {what} {path}: {answer['problems'][what]}")
    for what, path in needs.files.items():
        if what in answer["problems"]:
            found.append(f"it cannot read the {what} {path}: {answer['problems'][what]}")
        elif answer["files"][what] != own["files"][what]:
            found.append(f"the {what} {path} differs there")
    return found


_TOLD = {
    "code": "slr-tune is not installed there ({}); --ship sends it",
    "torch": "torch cannot be imported there ({})",
    "own": "{run} cannot be imported there ({})",
}


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _release(version: str) -> str:
    """Without the build: a driver without a GPU has another one than its nodes."""
    return version.split("+")[0]


def node_table(nodes: Sequence[Node]) -> str:
    """All nodes for a person, at most 80 columns wide, and below them what they lack."""
    row = "{:<22} {:>4} {:>4} {:<7} {:<13} {:>8} {:>7}  {}"
    lines = [row.format("node", "CPU", "GPU", "Python", "torch", "free", "clock", "")]
    for node in nodes:
        answer = node.answer or {}
        free = answer.get("free", {})
        lines.append(
            row.format(
                node.name,
                f"{node.cpus:g}",
                f"{node.gpus:g}",
                answer.get("python", "?")[:7],
                answer.get("torch", "?")[:13],
                size_text(min(free.values())) if free else "?",
                f"{node.clock:+.1f} s" if node.answer else "?",
                "out" if node.lacks else "used",
            )
        )
    lines += [out_line(node) for node in nodes if node.lacks]
    used = [node for node in nodes if not node.lacks]
    lines += [_wrapped(f"{node.name}: {note}") for node in used for note in node.notes]
    return "\n".join(line.rstrip() for line in lines)


def out_line(node: Node) -> str:
    """Why a node is left out."""
    return _wrapped(f"{node.name} is left out: {'; '.join(node.lacks)}")


def _wrapped(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
