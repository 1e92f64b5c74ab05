"""What `--json` prints: versioned, by the space file's names, and documented."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from generated_study import generate_study

from slr_tune.study.view import load_study

Call = Callable[..., tuple[int, str, str]]
PAGE = Path(__file__).parents[3] / "docs" / "json.md"


def test_settings_have_the_names_of_the_space_file(database: Path, call: Call) -> None:
    """Not the sampler's: nobody can set loss_weights.u1."""
    generate_study(6, curves=False)
    shown = json.loads(call("show", "--json")[1])
    one = json.loads(call("show", "--json", "--trial", "3")[1])
    spec = load_study(None, None).spec
    assert shown["schema_version"] == one["schema_version"] == 1
    for row in (*shown["rows"], shown["best"], shown["baseline"], one):
        assert "loss_weights.u1" not in row["params"]
        weights = [row["params"][f"loss_weights.{name}"] for name in ("alpha", "beta", "gamma")]
        assert abs(sum(weights) - 1) < 1e-9
        assert row["config"]["loss_weights"]["alpha"] == weights[0]
        assert set(row["params"]) & {"temperature.start"} and "dropout" in row["params"]
    assert spec.baseline is not None
    assert shown["baseline"]["params"]["dropout"] == spec.baseline["dropout"]


def test_every_key_is_documented(database: Path, call: Call) -> None:
    """A key that is printed stands on the page."""
    generate_study(24)
    known = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))
    shown = json.loads(call("show", "--json")[1])
    listed = json.loads(call("list", "--json")[1])
    importance = json.loads(call("importance", "--json")[1])
    keys = {*shown, *shown["rows"][0], *listed[0], *importance}
    assert keys <= known, keys - known


def test_a_configuration_stays_a_configuration(database: Path, call: Call) -> None:
    """`best --format json` is read by train --config, which knows no version."""
    generate_study(6, curves=False)
    config = json.loads(call("best", "--format", "json")[1])
    assert "schema_version" not in config and "learning_rate" in config
