"""YAML as the reader takes it: its traps closed, and every problem with a place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slr_tune.errors import SpecError
from slr_tune.space.yaml_reader import parse_yaml, plain_scalar, read_yaml


def read(text: str) -> Any:
    node, problems = parse_yaml(text, "f")
    assert not problems and node is not None
    return node.plain()


def complaints(text: str) -> list[str]:
    return [str(problem).splitlines()[0] for _, problem in parse_yaml(text, "f")[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),  # a text to PyYAML: the learning rate would be compared with a number
        ("1E4", 1e4),
        ("1.0e-4", 1e-4),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("010", 10),  # octal 8 in YAML 1.1
        ("0o10", 8),
        ("0x1F", 31),
        ("no", "no"),  # false in YAML 1.1
        ("off", "off"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("True", True),
        ("false", False),
        ("~", None),
        ("null", None),
        ("1_000", "1_000"),  # 1000 in YAML 1.1
        ("12:30", "12:30"),  # 750 in YAML 1.1, base 60
        ("2020-01-01", "2020-01-01"),  # a date in YAML 1.1
        ("=", "="),
        ("'1'", "1"),
        ('"no"', "no"),
        ("1e", "1e"),
        ("e5", "e5"),
        (".", "."),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    """A wrong row means that a file says something else than it shows."""
    found = read(f"key: {text}")["key"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: a: given a second time, first on line 1"),
        ("a:\n  b: 1\n  c: {d: 1, d: 2}\n", "f:3:13: d: given a second time, first on line 3"),
        ("a: [{b: 1, b: 1}]\n", "f:1:12: b: given a second time, first on line 1"),
        ("1: a\n0x1: b\n", "f:2:1: 1: given a second time, first on line 1"),
        ("a: &x 1\n", "f:1:4: &x: anchors are refused"),
        ("a: *x\n", "f:1:4: *x: aliases are refused"),
        ("a: {<<: {b: 1}}\n", "f:1:5: <<: merge keys are refused"),
        ("a: !!python/object/apply:os.system ['ls']\n", "f:1:4: the tag tag:yaml.org,2002:python"),
        ("a: !!str 1\n", "f:1:4: the tag tag:yaml.org,2002:str is refused"),
        ("a: !own 1\n", "f:1:4: the tag !own is refused"),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second document"),
        ("", "f:1:1: the file is empty"),
        ("# only a comment\n", "f:1:1: the file is empty"),
        ("a: .nan\n", "f:1:4: .nan is not a finite number"),
        ("a: [-.inf]\n", "f:1:5: -.inf is not a finite number"),
        ("a: 1e999\n", "f:1:4: 1e999 is not a finite number"),
        ("a: 12345678901234567890\n", "f:1:4: 12345678901234567890 is too large"),
        (
            "a:\n\t- 1\n",
            "f:2:1: not YAML: while scanning for the next token, found character '\\t'",
        ),
        ("a: [1, 2\nb: 3\n", "f:2:2: not YAML: while parsing a flow sequence"),
        ("a: b: c\n", "f:1:5: not YAML: mapping values are not allowed here"),
        ("a: 'open\n", "f:2:1: not YAML: while scanning a quoted scalar"),
        ("a: 1\n b: 2\n", "f:2:3: not YAML: mapping values are not allowed here"),
        ("? [a]\n: 1\n", "f:1:3: a key must be a single word, not a list"),
        ("a: \x07\n", "f:1:4: the character U+0007 is not allowed"),
        ('a: "\\x07"\n', "f:1:4: the character U+0007 is not allowed in a text"),
        ('a: "\\uD800"\n', "f:1:4: the character U+D800 is not allowed in a text"),
        ('a: "\\UFFFFFFFF"\n', "f:1:"),
        ("a: " + "[" * 40 + "]" * 40, "f:1:34: nested more than 30 levels deep"),
        ("a: 1" + " " * 200_000, "f:1:1: the file has more than 200000 characters"),
    ],
)
def test_each_trap_is_reported_with_its_place(text: str, first_line: str) -> None:
    """Read silently, each of these would mean something else than its author meant, or do harm."""
    assert complaints(text)[0].startswith(first_line)


def test_all_repeated_keys_are_reported_at_once() -> None:
    """One run of the program must show all of them."""
    assert complaints("a: 1\na: 2\nb: {c: 1, c: 2}\n") == [
        "f:2:1: a: given a second time, first on line 1",
        "f:3:11: c: given a second time, first on line 3",
    ]


def test_places_are_of_values_and_keys() -> None:
    """The place of a value is its first character; of a key, likewise. Both count from 1."""
    node, _ = parse_yaml("a: 1\nbc:\n  - x\n  - {d: äö, e: 5}\n", "f")
    assert node is not None
    entry = node.entries["bc"]
    assert str(entry.place) == "f:2:1"
    inner = entry.node.items[1].entries["e"]
    assert (str(inner.place), str(inner.node.place)) == ("f:4:13", "f:4:16")


@pytest.mark.parametrize(
    ("content", "where"),
    [(b"a: \xff\n", "f.yaml:1:4"), (b"a: 1\n\xc3\xa4\xe4: 2\n", "f.yaml:2:2")],
)
def test_bytes_that_are_no_utf8_have_a_place(
    content: bytes, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_bytes(content)
    with pytest.raises(SpecError, match=f"^{where}: this is not UTF-8 text"):
        read_yaml(Path("f.yaml"))


def test_missing_file_names_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt file name is the first mistake anyone makes."""
    monkeypatch.chdir(tmp_path)
    Path("distill.yaml").write_text("a: 1")
    with pytest.raises(SpecError, match="^distil.yaml: no such file\n  Did you mean distill.yaml"):
        read_yaml(Path("distil.yaml"))
    with pytest.raises(SpecError, match="There is no folder nowhere"):
        read_yaml(Path("nowhere/distill.yaml"))
    with pytest.raises(SpecError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


def test_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    """Windows editors put one in front."""
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(tmp_path / "f.yaml").plain() == {"a": 1}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_back(value: float) -> None:
    """`best --format yaml` writes numbers so; `train --config` reads them."""
    assert plain_scalar(repr(value)) == value


@given(st.text(max_size=60))
def test_any_text_gives_a_tree_or_problems(text: str) -> None:
    """The reader must fail in one way only."""
    node, problems = parse_yaml(text, "f")
    assert node is not None or problems
    assert all(place.line >= 1 and place.column >= 1 for place, _ in problems)
