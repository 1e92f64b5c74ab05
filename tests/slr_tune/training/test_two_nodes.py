"""Two real nodes: two raylets, two object stores, two file systems. What a person sees of them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
import ray
import second_node as second_node_module
import torch.version
from optuna.trial import TrialState
from own_process import Command
from second_node import SecondNode, possible, second_node
from toy_space import write_toy_space

from slr_tune.space import Resources
from slr_tune.study.record import record_of
from slr_tune.study.view import load_study
from slr_tune.training.node_checks import NodeNeeds, node_needs
from slr_tune.training.nodes import Nodes

pytestmark = [
    pytest.mark.skipif(not possible(), reason="a file system of its own for a node needs root"),
    pytest.mark.usefixtures("ray_two_cores"),
]

TOY = "toy_runs:ToyRun"
SUPPORT = Path(second_node_module.__file__).parent
ROOT = SUPPORT.parent.parent
PACKAGES = (ROOT / "slr_tune", ROOT / "trainables")
TORCH = Path(torch.version.__file__)


@pytest.fixture(scope="module")
def node(ray_session_of_all: None) -> Iterator[SecondNode]:
    """The one second node of these tests."""
    with second_node() as started:
        yield started


class Asked:
    """The nodes, asked by processes that have not yet imported anything."""

    def __init__(self, node: SecondNode, needs: NodeNeeds | None = None) -> None:
        if node.worker is not None:
            os.kill(node.worker, signal.SIGKILL)
            node.worker = None
        self.told: list[str] = []
        needs = needs or node_needs(TOY, None)
        self.nodes = Nodes(Resources(), needs=needs, tell=self.told.append)
        (self.second,) = [one for one in self.nodes.asked.values() if one.id == node.id]
        node.worker = None if self.second.answer is None else self.second.answer["pid"]

    @property
    def text(self) -> str:
        """What a person sees, without its line breaks."""
        return " ".join(" ".join(self.told).split())


def test_both_nodes_are_in_one_table(node: SecondNode, studies: Path) -> None:
    """Broken if a sound node were left out, or a shared folder littered."""
    asked = Asked(node)
    assert asked.nodes.workers == 3 and len(asked.nodes.asked) == 2
    (table,) = asked.told
    lines = table.splitlines()
    assert lines[0].split() == ["node", "CPU", "GPU", "Python", "torch", "free", "clock"]
    assert all(line.endswith("used") and len(line) <= 80 for line in lines[1:])
    assert list(studies.iterdir()) == []


Lack = Callable[[SecondNode, Path, Path], AbstractContextManager[None]]


def another_torch(node: SecondNode, studies: Path, tmp_path: Path) -> AbstractContextManager[None]:
    """torch's own file that says its version, with another one in it; the rest is the same."""
    other = tmp_path / "version.py"
    release = torch.__version__.split("+")[0]
    other.write_text(TORCH.read_text().replace(release, "2.6.0"))
    return node.replaced(TORCH, other)


def without_folder(node: SecondNode, studies: Path, tmp_path: Path) -> AbstractContextManager[None]:
    studies.mkdir()
    return node.hidden(studies)


def without_package(node: SecondNode, *_: Path) -> AbstractContextManager[None]:
    return node.hidden(*PACKAGES)


def without_own_module(node: SecondNode, *_: Path) -> AbstractContextManager[None]:
    return node.hidden(SUPPORT)


def other_code(node: SecondNode, studies: Path, tmp_path: Path) -> AbstractContextManager[None]:
    """Somebody updated one machine."""
    changed = tmp_path / "errors.py"
    changed.write_text((ROOT / "slr_tune" / "errors.py").read_text() + "\nNEW = 1\n")
    return node.replaced(ROOT / "slr_tune" / "errors.py", changed)


@pytest.mark.parametrize(
    ("lack", "message"),
    [
        (without_folder, "it does not share the studies folder {studies}: No such file"),
        (without_package, "slr-tune is not installed there (ModuleNotFoundError"),
        (without_own_module, "toy_runs:ToyRun cannot be imported there (ConfigError: trainable"),
        (another_torch, "torch 2.6.0"),
        (other_code, "its slr-tune has other code: "),
    ],
)
def test_a_node_that_lacks_something_is_left_out(
    node: SecondNode, studies: Path, tmp_path: Path, lack: Lack, message: str
) -> None:
    """Its trials would fail, or give other numbers; the others train."""
    with lack(node, studies, tmp_path):
        asked = Asked(node)
    assert asked.nodes.workers == 2
    assert node.id not in asked.nodes.selector["ray.io/node-id"]
    wanted = f"{asked.second.name} is left out: {message.format(studies=studies)}"
    assert wanted in asked.text, asked.text


def test_data_and_teacher_are_compared_by_content(node: SecondNode, tmp_path: Path) -> None:
    """A copy of last week's data would train without a word."""
    data, teacher = tmp_path / "data", tmp_path / "teacher.pt"
    data.mkdir()
    (data / "features.f32").write_bytes(bytes(1000))
    teacher.write_bytes(b"weights")
    (tmp_path / "older").write_bytes(bytes(999) + b"1")
    needs = NodeNeeds("student", files={"data": str(data)})
    asked = Asked(node, needs)
    assert asked.nodes.workers == 3
    with node.replaced(teacher, tmp_path / "older"):
        asked.nodes.need("teacher", teacher)
    assert f"the teacher {teacher} differs there" in asked.text
    assert asked.nodes.workers == 2
    with node.replaced(data / "features.f32", tmp_path / "older"):
        assert f"the data {data} differs there" in Asked(node, needs).text
    with node.hidden(data):
        assert f"it cannot read the data {data}: No such file" in Asked(node, needs).text


@pytest.mark.usefixtures("database", "node")
def test_a_run_is_refused_where_no_node_is_left(tmp_path: Path, studies: Path) -> None:
    """The driver on a login node whose folder the cluster does not see."""
    space = write_toy_space(tmp_path)
    address = ray.get_runtime_context().gcs_address
    run = f"{sys.executable} -m slr_tune.cli.main run {space} --address {address}"
    hidden = f"mount -t tmpfs -o size=20m tmpfs {studies} && exec {run}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", hidden], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    text = " ".join(done.stderr.split())
    assert "none of the 2 nodes of the Ray cluster can train: it does not share the" in text
    assert "docs/cluster.md" in text and "Traceback" not in text


@pytest.mark.usefixtures("database")
def test_code_is_shipped_where_there_is_none(node: SecondNode, tmp_path: Path) -> None:
    """Packages and own module, to a node that has neither."""
    journal = tmp_path / "journal"
    fixed = {"journal": journal / "epochs", "milliseconds": 100}
    journal.mkdir()
    space = write_toy_space(tmp_path, trials=200, workers="auto", fixed=fixed)
    with ExitStack() as stack:
        stack.enter_context(node.hidden(journal))  # so that each node keeps its own
        stack.enter_context(node.hidden(*PACKAGES, SUPPORT))
        command = Command("run", space, "--ship")
        trained = command.wait_until(lambda: bool(node.read(journal / "epochs")))
        code, output = command.end(signal.SIGTERM)
    assert trained, output
    assert code == 143 and "left out" not in output, output
    assert not {t.state for t in load_study("toy").trials} & {TrialState.FAIL}


def test_a_search_whose_last_node_is_gone(node: SecondNode, tmp_path: Path, studies: Path) -> None:
    """It says that it waits, and ends after its time with what resumes it; not never.

    The driver and the second node share a studies folder that the first one does not see.
    """
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 20}
    space = write_toy_space(tmp_path, trials=400, workers="auto", fixed=fixed)
    text = space.read_text().replace("workers: auto", "workers: auto, node_timeout: 1")
    space.write_text(text)
    studies.mkdir()
    address = ray.get_runtime_context().gcs_address
    with node.hidden(studies):
        driver = ["nsenter", "-m", "-t", str(node.process.pid), sys.executable, "-m"]
        driver += ["slr_tune.cli.main", "run", str(space), "--no-verify", "--address", address]
        with subprocess.Popen(
            driver, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            while process.poll() is None and not node.read(journal):
                select.select([], [], [], 0.02)
            node.kill()
            output = process.communicate(timeout=60)[0]
    assert process.returncode == 1, output
    assert "has left; its runs continue on other nodes" in output
    assert output.count("No node is left to train on: waiting 1 s for one to join") == 1
    assert "has joined the Ray cluster within 1 s" in output
    assert "give the same command again" in output and "Traceback" not in output
    assert list(studies.iterdir()) == []  # the first node had no part in it


def in_the_middle(lines: list[str]) -> bool:
    """Whether some epochs were trained, and the last is not one after which a trial may end."""
    return len(lines) > 5 and int(lines[-1].split()[1]) in (1, 4, 7)


@pytest.mark.usefixtures("database")
def test_a_node_joins_a_search_and_is_killed_in_it(node: SecondNode, tmp_path: Path) -> None:
    """Its trials go on at others: nothing that was stored is trained again, no trial has failed."""
    node.kill()
    journal = tmp_path / "journal"
    journal.mkdir()
    file = journal / "epochs"
    fixed = {"journal": file, "milliseconds": 100}
    space = write_toy_space(tmp_path, trials=400, workers="auto", fixed=fixed)
    command = Command("run", space)
    assert command.wait_for_lines(file, 1)
    with second_node() as joined, joined.hidden(journal):
        trained = command.wait_until(lambda: in_the_middle(joined.read(file).splitlines()))
        there = joined.read(file).splitlines()
        joined.kill()
    here = len(file.read_text().splitlines())
    went_on = command.wait_for_lines(file, here + 40)
    code, output = command.end(signal.SIGTERM)
    assert trained and went_on and code == 143, output
    for line in ("has joined", "3 trainings", "lost its node", "has left", "2 trainings"):
        assert line in output, output
    trials = load_study("toy").trials
    ended = [trial for trial in trials if trial.state in (TrialState.FAIL, TrialState.RUNNING)]
    assert not ended, [(trial.state, record_of(trial)) for trial in ended]
    epochs = [*there, *file.read_text().splitlines()]
    assert len(epochs) - len(set(epochs)) <= 1, "one was in the air"


def test_a_node_without_the_token_does_not_join() -> None:
    """What it says of it; the driver without one is told in `test_session.py`."""
    with (
        pytest.raises(RuntimeError, match="RAY_AUTH_TOKEN"),
        second_node(RAY_AUTH_TOKEN="wrong" * 8, RAY_NUM_REDIS_GET_RETRIES="1"),
    ):
        pass
