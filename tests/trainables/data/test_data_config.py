"""The `data:` section."""

from __future__ import annotations

import pytest

from trainables.data.config import LibrasSpec, PhoenixSpec, check_data_spec, parse_data_spec
from trainables.errors import ConfigError


def test_defaults_are_those_of_the_design() -> None:
    """Shipped search spaces say `{name: libras}` and nothing else."""
    assert parse_data_spec({"name": "libras"}) == LibrasSpec(seed=0, train=600, dev=150, test=200)


def test_phoenix_defaults_to_the_multisigner_subset() -> None:
    spec = parse_data_spec({"name": "phoenix", "root": "/x", "features": "i3d"})
    assert spec == PhoenixSpec(root="/x", features="i3d", subset="multisigner")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "libra"}, "Did you mean libras?"),
        ({"name": "Phoenix"}, "Did you mean phoenix?"),
        ({"name": 3}, "Known: libras, phoenix"),
        ({}, "has no name"),
        ("libras", "is not a mapping"),
        ({"name": "libras", "sed": 1}, "Did you mean seed?"),
        ({"name": "libras", "train": 0}, "data.train: 0: should be greater than or equal to 1"),
        ({"name": "libras", "seed": -1}, "data.seed: -1"),
        ({"name": "libras", "dev": "150"}, "data.dev: '150': should be a valid integer"),
        ({"name": "libras", "test": True}, "data.test: True"),
        ({"name": "libras", "train": 1.5}, "data.train: 1.5"),
        ({"name": "phoenix", "features": "i3d"}, "data.root: is missing"),
        ({"name": "phoenix", "root": "x", "features": "../i3d"}, "data.features"),
        (
            {"name": "phoenix", "root": "x", "features": "f", "subset": "SI5"},
            "data.subset: 'SI5': should be 'multisigner' or 'si5'",
        ),
    ],
)
def test_a_wrong_section_says_what_and_how_to_mend_it(section: object, message: str) -> None:
    """A person must see the key, the value and the rule."""
    with pytest.raises(ConfigError) as error:
        parse_data_spec(section)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_all_problems_are_reported_at_once() -> None:
    """Mending one problem to meet the next is what the design forbids."""
    spec, problems = check_data_spec({"name": "libras", "train": 0, "dev": "x", "tset": 3})
    assert spec is None
    assert {problem.key for problem in problems} == {"train", "dev", "tset"}
