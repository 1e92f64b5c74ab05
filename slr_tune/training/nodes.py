"""The nodes of a Ray session: asked before they train, when they join too, and counted."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from slr_tune.errors import RunFailed
from slr_tune.space import Resources
from slr_tune.text import counted, duration
from slr_tune.training import node_probe
from slr_tune.training.node_checks import Node, NodeNeeds, node_table, out_line
from slr_tune.training.workers import NodeOffer, gpus_of, granted
from trainables.errors import first_line

NODE_LABEL = "ray.io/node-id"
"""Ray puts it on each node."""
_ANSWER_SECONDS = 300.0
"""torch is read over a network, or a runtime environment is installed first."""
_WATCH_SECONDS = 2.0
_IMPORTED = ("code", "torch", "own")
_JUST_LEFT_SECONDS = 60.0


def _silent(text: str) -> None:
    """Prints nothing."""


class Nodes:
    """Which nodes may train, and how many trainings they hold.

    Attributes:
        resources: What a training needs, and how many are to go side by side.
        asked: Nodes that were asked, by id; empty where the session is this machine's own.
    """

    def __init__(
        self,
        resources: Resources,
        *,
        needs: NodeNeeds | None = None,
        tell: Callable[[str], None] = _silent,
    ) -> None:
        """Asks the nodes that are there; Ray must be up.

        Args:
            resources: What a training needs, and how many are to go side by side.
            needs: What a node must have; None to ask nobody, where all of them are this machine.
            tell: Called with the table, and a message where nodes join or leave.

        Raises:
            RunFailed: No node may train, or none holds even one training.
        """
        self.resources = resources
        self._needs = needs
        self._tell = tell
        self.asked: dict[str, Node] = {}
        self._pending: dict[Any, tuple[Node, str]] = {}
        self._next_look = 0.0
        self._left_at = -math.inf
        self._named: set[str] = set()
        self._gone: set[str] = set()
        self._counted: set[str] = set()
        self._alone_since: float | None = None
        if needs is None:
            self._workers = _possible(resources, _alive().values())
            return
        self._own: dict[str, Any] = {}
        self._ask(_alive().values(), needs)
        self.asked = {node.id: node for node, _ in self._pending.values()}
        self._wait()
        self._tell_all()
        self._workers = _possible(resources, self._good())
        self._counted = {node.id for node in self._good()}

    @property
    def workers(self) -> int:
        """Trainings side by side, as the nodes are now."""
        return self._workers

    @property
    def selector(self) -> dict[str, str]:
        """Labels of the nodes that may train, as Ray takes them; empty for all.

        It stays as it is when nodes leave, so that the workers at others stay too.
        """
        if self._needs is None:
            return {}
        self._named |= {node.id for node in self._good()}
        return {NODE_LABEL: f"in({','.join(sorted(self._named))})"}

    def need(self, what: str, path: Path) -> None:
        """Asks the nodes for one more file, and those that join later too.

        Raises:
            RunFailed: None of them has it.
        """
        if self._needs is None:
            return
        only = replace(self._needs, files={what: str(path)}, folders={})
        self._needs = replace(self._needs, files={**self._needs.files, what: str(path)})
        before = [node.id for node in self._good()]
        self._ask(self._good(), only)
        self._wait()
        if len(self._good()) < len(before):
            self._tell_all()
            self._workers = _possible(self.resources, self._good())
            self._named = self._counted = {node.id for node in self._good()}

    def watch(self, *, now: bool = False) -> bool:
        """Looks who has joined or left, at most every two seconds; whether more or fewer may train.

        Args:
            now: Whether to look in any case.

        Raises:
            RunFailed: None was left for `resources.node_timeout`.
        """
        if self._needs is None or (time.monotonic() < self._next_look and not now):
            return False
        self._next_look = time.monotonic() + _WATCH_SECONDS
        alive = {one: node for one, node in _alive().items() if one not in self._gone}
        for node in [node for node in self.asked.values() if node.id not in alive]:
            self._leave(node)
        waiting = {node.id for node, _ in self._pending.values()}
        joined = [n for n in alive.values() if n.id not in self.asked and n.id not in waiting]
        if joined:
            self._ask(joined, self._needs)
        self._take_answers(0.0)
        good = {node.id for node in self._good()}
        changed = good != self._counted
        if changed:
            self._counted = good
            self._workers = _count(self.resources, self._good())
            if self._workers:
                self._tell(f"{counted(self._workers, 'training')} at a time from now on")
        self._check_left()
        return changed

    def _check_left(self) -> None:
        """Says once that no node is left; ends the wait for one after its time.

        Raises:
            RunFailed: The time is up.
        """
        if self._workers:
            self._alone_since = None
            return
        limit = self.resources.node_timeout
        if self._alone_since is None:
            self._alone_since = time.monotonic()
            self._tell(f"No node is left to train on: waiting {duration(limit)} for one to join")
        elif time.monotonic() - self._alone_since >= limit:
            raise RunFailed(
                f"no node that can train has joined the Ray cluster within {duration(limit)}",
                hint="All finished work is stored. Start a node, then give the same command again; "
                "resources.node_timeout says how many seconds to wait.",
            )

    def has_left(self) -> bool:
        """Whether one that trained has left within the last minute: its workers died with it.

        Ray knows of a worker's death at once, and of its node's after a quarter of a minute: so
        the nodes are called here.
        """
        for node in self._good():
            if not node.answers():
                self._gone.add(node.id)
                self._leave(node)
                self._next_look = 0.0
        return time.monotonic() - self._left_at < _JUST_LEFT_SECONDS

    def _leave(self, node: Node) -> None:
        del self.asked[node.id]
        if not node.lacks:
            self._left_at = time.monotonic()
            self._tell(f"Node {node.name} has left; its runs continue on other nodes")

    def close(self) -> None:
        """Removes what is in the shared folders."""
        for _, nonce in self._pending.values():
            self._tidy(nonce)
        self._pending = {}

    def _good(self) -> list[Node]:
        return [node for node in self.asked.values() if node.answer is not None and not node.lacks]

    def _ask(self, nodes: Iterable[Node], needs: NodeNeeds) -> None:
        """Sends a task to each node; only what may be a custom run is imported there."""
        import ray
        from ray import cloudpickle
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nonce = f".slr-tune-{secrets.token_hex(8)}"
        gpu = gpus_of(self.resources) > 0
        here = [] if gpu else node_probe.place()  # GPUs are counted where they are
        for folder in needs.folders.values():
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / f"{nonce}-driver").write_text(nonce)
        cloudpickle.register_pickle_by_value(node_probe)
        try:
            task = ray.remote(num_cpus=0, max_retries=1)(node_probe.probe)
            for node in nodes:
                there = NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)
                question = needs.question(name=node.id, nonce=nonce, gpu=gpu, place=here)
                reference = task.options(scheduling_strategy=there).remote(question)
                self._pending[reference] = (node, nonce)
        finally:
            cloudpickle.unregister_pickle_by_value(node_probe)
        own = node_probe.probe(needs.question(name="here", nonce=nonce, gpu=False))
        files = {**self._own.get("files", {}), **own["files"]}
        self._own = {**own, "files": files}

    def _wait(self) -> None:
        end = time.monotonic() + _ANSWER_SECONDS
        while self._pending and time.monotonic() < end:
            self._take_answers(min(1.0, end - time.monotonic()))
        for node, _ in self._pending.values():
            node.lacks.append(f"it gave no answer within {duration(_ANSWER_SECONDS)}")
        self.close()

    def _take_answers(self, timeout: float) -> None:
        """Judges the nodes that have answered."""
        import ray

        while self._pending:
            done, _ = ray.wait(list(self._pending), num_returns=1, timeout=timeout)
            if not done:
                return
            node, nonce = self._pending.pop(done[0])
            self._take(node, nonce, done[0])
            if all(nonce != other for _, other in self._pending.values()):
                self._tidy(nonce)

    def _take(self, node: Node, nonce: str, reference: Any) -> None:
        import ray
        from ray.exceptions import RayError

        assert self._needs is not None
        joined = node.id not in self.asked
        self.asked[node.id] = node
        try:
            answer: dict[str, Any] = ray.get(reference)
        except RayError as error:
            node.lacks.append(f"it cannot be asked: {first_line(error)}")
        else:
            node.clock = answer["time"] - time.time()
            if answer.get("here"):
                answer |= {what: self._own[what] for what in _IMPORTED if what in self._own}
            asked = replace(
                self._needs,
                files={what: self._needs.files[what] for what in answer["asked"]["files"]},
                folders={what: self._needs.folders[what] for what in answer["asked"]["folders"]},
            )
            node.judge(answer, self._own, asked, gpu=gpus_of(self.resources) > 0)
            node.lacks += _unseen(node, answer, asked, nonce)
        if joined:
            self._tell(out_line(node) if node.lacks else f"Node {node.name} has joined")

    def _tidy(self, nonce: str) -> None:
        assert self._needs is not None
        for folder in self._needs.folders.values():
            for path in Path(folder).glob(f"{nonce}-*"):
                path.unlink(missing_ok=True)

    def _tell_all(self) -> None:
        """The table, where there is something to see in it.

        Raises:
            RunFailed: No node may train.
        """
        nodes = list(self.asked.values())
        if len(nodes) > 1 or any(node.lacks or node.notes for node in nodes):
            self._tell(node_table(nodes))
        if not self._good():
            count = "the node" if len(nodes) == 1 else f"none of the {len(nodes)} nodes"
            verb = "cannot train" if len(nodes) == 1 else "can train"
            raise RunFailed(
                f"{count} of the Ray cluster {verb}: {'; '.join(nodes[0].lacks)}",
                hint="docs/cluster.md lists what every node needs. Fix it, or leave --address out "
                "to use this machine alone.",
            )


def _alive() -> dict[str, Node]:
    """The nodes of the session that are up, by id."""
    import ray

    found = {}
    for node in ray.nodes():
        if node["Alive"]:
            offer = node["Resources"]
            found[node["NodeID"]] = Node(
                node["NodeID"],
                node["NodeManagerHostname"],
                offer.get("CPU", 0.0),
                offer.get("GPU", 0.0),
                (node["NodeManagerAddress"], node["NodeManagerPort"]),
            )
    return found


def _count(resources: Resources, nodes: Iterable[Node]) -> int:
    most = granted(resources, [NodeOffer(node.cpus, node.gpus) for node in nodes])
    return most if resources.workers == "auto" else min(resources.workers, most)


def _possible(resources: Resources, nodes: Iterable[Node]) -> int:
    """How many trainings the nodes hold.

    Raises:
        RunFailed: Not even one: Ray would wait without a word.
    """
    nodes = list(nodes)
    count = _count(resources, nodes)
    if count == 0:
        cpus = max((node.cpus for node in nodes), default=0)
        gpus = max((node.gpus for node in nodes), default=0)
        raise RunFailed(
            f"a trial needs {resources.cpus_per_trial:g} CPU and {gpus_of(resources):g} GPU "
            f"on one machine, the largest of the Ray session has {cpus:g} CPU and {gpus:g} GPU",
            hint="Lower resources.cpus_per_trial or resources.gpus_per_trial, or use a larger "
            "machine.",
        )
    return count


def _unseen(node: Node, answer: Mapping[str, Any], needs: NodeNeeds, nonce: str) -> list[str]:
    """Folders in which the driver does not read what the node wrote."""
    found = []
    for what in answer["folders"]:
        path = Path(needs.folders[what]) / f"{nonce}-{node.id}"
        try:
            seen = path.read_text() == node.id
        except OSError:
            seen = False
        if not seen:
            found.append(f"what it writes into the {what} {path.parent} is not seen here")
    return found
