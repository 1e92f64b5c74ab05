"""What nodes answer, compared; what is sent to them. Two real ones are in `test_two_nodes.py`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from slr_tune.cli.main import run
from slr_tune.errors import SlrTuneError
from slr_tune.space import Resources
from slr_tune.text import duration
from slr_tune.training import node_probe
from slr_tune.training.node_checks import Node, NodeNeeds, node_needs, node_table
from slr_tune.training.node_probe import fingerprint, probe
from slr_tune.training.nodes import Nodes
from slr_tune.training.shipping import Shipping, read_shipping

NEEDS = NodeNeeds("student")


@pytest.fixture(scope="module")
def own() -> dict[str, Any]:
    """What this process says of itself."""
    return probe(NEEDS.question(name="here", nonce="", gpu=False))


def judged(own: dict[str, Any], *, clock: float = 0.0, **changes: Any) -> Node:
    node = Node("ab12cd34" * 7, "node-with-a-long-name", 64.0, 0.0, clock=clock)
    node.judge({**own, **changes}, own, NEEDS, gpu=False)
    return node


def test_a_node_like_the_driver_lacks_nothing(own: dict[str, Any]) -> None:
    assert own["problems"] == {}
    assert judged(own).lacks == [] and judged(own, free={"/tmp": 2e9}).notes == []


def test_builds_of_torch_may_differ_and_releases_may_not(own: dict[str, Any]) -> None:
    """A driver without a GPU has another build than its nodes."""
    release = own["torch"].split("+")[0]
    assert judged(own, torch=f"{release}+cu128").lacks == []
    assert judged(own, torch="1.0.0").lacks == [f"torch 1.0.0 there, {own['torch']} here"]
    assert judged(own, python="3.9.1").lacks == [f"Python 3.9.1 there, {own['python']} here"]


def test_a_gpu_that_torch_does_not_see(own: dict[str, Any]) -> None:
    """torch built for CPUs on a node with cards: trials would train for days."""
    blind = Node("a" * 56, "node", 1.0, gpus=2.0)
    blind.judge({**own, "gpus": 0}, own, NEEDS, gpu=True)
    assert blind.lacks == [f"torch {own['torch']} sees none of its GPUs"]
    seeing = Node("b" * 56, "node", 1.0, gpus=2.0)
    seeing.judge({**own, "gpus": 2}, own, NEEDS, gpu=True)
    assert seeing.lacks == []


def test_clock_and_room_are_reported_in_a_table_of_80_columns(own: dict[str, Any]) -> None:
    late = judged(own, clock=-90.0, free={"/tmp": 5e8, "/studies": 1e12})
    assert late.lacks == []
    out = judged(own, torch="1.0.0", code="other", problems={"own": "ImportError: " + "x " * 60})
    text = node_table([late, out])
    assert all(len(line) <= 80 for line in text.splitlines()), text
    joined = " ".join(text.split())
    assert f"its clock is {duration(90.0)} behind the driver's" in joined
    assert "are free in /tmp" in joined and "is left out: student cannot be imported" in joined


def test_large_files_are_reported_apart_by_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that broke off and was filled with zeros, a file of the same size."""
    monkeypatch.setattr(node_probe, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(node_probe, "_PIECE_BYTES", 100)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.write_bytes(b"x" * 10_000)
    broken.write_bytes(b"x" * 5_000 + bytes(5_000))
    assert fingerprint(whole) != fingerprint(broken)
    broken.write_bytes(b"x" * 10_000)
    assert fingerprint(whole) == fingerprint(broken)


@pytest.mark.usefixtures("ray_two_cores")
def test_this_machine_alone_is_not_asked(studies: Path) -> None:
    """Nothing is written, imported or waited for."""
    began = time.process_time()
    nodes = Nodes(Resources(workers=2), needs=None)
    assert time.process_time() - began < 0.05
    assert nodes.workers == 2 and nodes.selector == {} and not nodes.watch(now=True)
    nodes.need("teacher", studies / "none")
    assert not studies.exists()


def test_packages_and_own_run_are_shipped() -> None:
    found = Shipping(code=True, settings={"env_vars": {"A": "1"}}).runtime_env("toy_runs:ToyRun")
    names = [Path(path).name for path in found["py_modules"]]
    assert names == ["slr_tune", "trainables", "toy_runs.py"]
    assert found["env_vars"] == {"A": "1"} and "working_dir" not in found
    assert "studies" in found["excludes"]
    assert "working_dir" in Shipping(code=True).runtime_env(
        'script:{"command": ["python", "a.py"]}'
    )
    assert read_shipping(ship=False, file=None, address=None) is None
    assert node_needs("student", None).modules


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pip: [torch", "is not YAML"),
        ("- pip", "contains no mapping"),
        (None, "No such file or directory"),
    ],
)
def test_a_bad_runtime_env_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    file = tmp_path / "env.yaml"
    if text is not None:
        file.write_text(text)
    options = ["run", "distill", "--runtime-env", str(file)]
    assert run([*options, "--address", "127.0.0.1:1"]) == 2
    sentence = capsys.readouterr().err
    assert message in sentence and str(file) in sentence
    assert run(options) == 2
    assert "--address" in capsys.readouterr().err


def test_settings_that_ray_refuses() -> None:
    with pytest.raises(SlrTuneError, match="--runtime-env: "):
        Shipping(settings={"working_dir": 7}).runtime_env("student")
