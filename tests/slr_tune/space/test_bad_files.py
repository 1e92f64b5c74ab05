"""Every kind of mistake in a file: one clear message, at its line and column, and all at once."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slr_tune.errors import SpecError
from slr_tune.space import load_spec

WriteFile = Callable[..., Path]
ROOT = Path(__file__).parents[3]


def complaints(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    return str(caught.value)


# (what stands in the good file, what stands there instead, everything that is said of it)
MISTAKES = [
    # the parts of a file
    ("study: example\n", "", "1:1: study: is missing"),
    (
        "study: example",
        "study: 12",
        "1:8: study: must be a text, not 12",
    ),
    (
        "study: example",
        "study: ../example",
        '1:8: study: "../example" cannot be the name of a folder everywhere: use letters, '
        "digits, '.', '_' and '-', at most 100 of them, a letter or digit first",
    ),
    (
        "budget: {trials: 24,",
        "bugdet: {trials: 24,",
        "1:1: budget: is missing\n"
        "6:1: bugdet: is not a section of the file\n  Did you mean budget?",
    ),
    (
        "trainable: distill",
        "trainable: distil",
        "2:12: trainable: no trainable is named 'distil'; there are teacher, student, distill\n"
        "  Did you mean distill?",
    ),
    (
        "trainable: distill",
        "trainable: no_such_package:Run",
        "2:12: trainable: trainable no_such_package:Run: importing no_such_package failed: "
        "ModuleNotFoundError: No module named 'no_such_package'\n"
        "  The module must be installed or be in the current folder.",
    ),
    ("seed: 7", "seed: -1", "33:7: seed: must be at least 0, not -1"),
    (
        "fixed:\n  batch_size: 16\n  mixed_precision: false",
        "fixed: 16",
        "8:8: fixed: must be a mapping, not 16",
    ),
    # data
    (
        "data: {name: libras}",
        "data: {name: libra}",
        "3:14: data.name: 'libra' is not a known data set\n"
        "  Did you mean libras? Known: libras, phoenix.",
    ),
    (
        "data: {name: libras}",
        "data: {name: libras, trian: 5}",
        "3:22: data.trian: is not a setting of libras\n"
        "  Did you mean train? Known: max_utterances, name, seed, train, dev, test, subset.",
    ),
    ("data: {name: libras}", "data: libras", '3:7: data: must be a mapping, not "libras"'),
    (
        "data: {name: libras}\n",
        "",
        "1:1: data: is missing; distill needs data\n  Add for example data: {name: libras}.",
    ),
    # teacher
    (
        "teacher: {train: teacher, settings: {hidden: 64}}\n",
        "",
        "1:1: teacher: is missing; distill needs one\n  Add for example teacher: {train: teacher}.",
    ),
    (
        "settings: {hidden: 64}",
        "settings: {hiden: 64}",
        "4:38: teacher.settings.hiden: is not a setting of TeacherConfig\n  Did you mean hidden?",
    ),
    (
        "settings: {hidden: 64}",
        "settings: {hidden: 0}",
        "4:46: teacher.settings.hidden: must be at least 1, not 0",
    ),
    (
        "{train: teacher, settings: {hidden: 64}}",
        "{checkpoint: gone.pt, study: other}",
        "4:10: teacher: must be exactly one of {train: teacher}, {study: NAME}, "
        "{checkpoint: PATH} or {soft_targets: FOLDER}",
    ),
    (
        "{train: teacher, settings: {hidden: 64}}",
        "{study: example, settings: {hidden: 64}}",
        "4:18: teacher.study: example is the study that the teacher is for\n"
        "4:27: teacher.settings: is allowed only with train\n"
        "  Remove it: this teacher is trained already.",
    ),
    (
        "{train: teacher, settings: {hidden: 64}}",
        "{train: distill}",
        "4:18: teacher.train: distill needs a teacher itself\n"
        "  Train a teacher or a student, or name the study that distilled it.",
    ),
    # objective, budget, resources
    (
        "metric: val/wer",
        "metric: val/wre",
        '5:21: objective.metric: "val/wre" is not a column of the curve\n  Did you mean val/wer?',
    ),
    (
        "direction: minimize",
        "direction: min",
        "5:41: objective.direction: must be 'minimize' or 'maximize', not \"min\"",
    ),
    ("trials: 24", "trials: 0", "6:18: budget.trials: must be at least 1, not 0"),
    (
        "trials: 24",
        "trials: '24'",
        '6:18: budget.trials: must be a whole number, not "24"\n'
        "  Write the number without quotes, underscores or spaces.",
    ),
    (
        "trials: 24",
        "trials: 1_000",
        '6:18: budget.trials: must be a whole number, not "1_000"\n'
        "  Write the number without quotes, underscores or spaces.",
    ),
    (
        "grace_epochs: 3",
        "grace_epochs: 25",
        "6:52: budget.grace_epochs: 25 must not be above max_epochs, 24\n"
        "  For example --set budget.grace_epochs=24; if the two are equal, no trial is pruned.",
    ),
    (
        "grace_epochs: 3",
        "grace_epoch: 3",
        "6:38: budget.grace_epoch: is not known\n  Did you mean grace_epochs?",
    ),
    (
        "workers: 2",
        "workers: many",
        "7:22: resources.workers: must be a whole number or 'auto', not \"many\"",
    ),
    # fixed
    (
        "batch_size: 16",
        "batchsize: 16",
        "9:3: fixed.batchsize: is not a setting of DistillConfig\n  Did you mean batch_size?",
    ),
    ("batch_size: 16", "batch_size: 0", "9:15: fixed.batch_size: must be at least 1, not 0"),
    (
        "mixed_precision: false",
        "mixed_precision: no",
        '10:20: fixed.mixed_precision: must be true or false, not "no"\n'
        "  Write true or false; yes, no, on and off are texts here.",
    ),
    (
        "batch_size: 16",
        "max_epochs: 16",
        "9:3: fixed.max_epochs: is also given as budget.max_epochs\n  Remove one of the two.",
    ),
    (
        "batch_size: 16",
        "dropout: 0.1",
        "9:3: fixed.dropout: is also given as space.dropout\n  Remove one of the two.",
    ),
    (
        "batch_size: 16",
        "learning_rate_schedule: {nam: cosine}",
        "9:28: fixed.learning_rate_schedule.nam: is not a setting of learning_rate_schedule\n"
        "  Did you mean name?",
    ),
    # the space
    (
        "float: [0.0, 0.5]",
        "float: [0.9, 0.5]",
        "12:12: space.dropout: low=0.9 must be below high=0.5\n  Swap the two values.",
    ),
    (
        "float: [0.0, 0.5]",
        "float: [0.2, 0.2]",
        "12:12: space.dropout: low=0.2 must be below high=0.2\n"
        "  A value that is not searched is {fixed: 0.2}.",
    ),
    (
        "float: [0.0, 0.5]",
        "float: [0.0, 1.5]",
        "12:26: space.dropout: high=1.5 must be below 1",
    ),
    (
        "float: [0.0, 0.5]",
        "float: [-0.5, 0.5]",
        "12:21: space.dropout: low=-0.5 must be at least 0",
    ),
    (
        "float: [0.0, 0.5]",
        "float: 0.5",
        "12:20: space.dropout: float takes [low, high], not 0.5\n  For example {float: [1, 4]}.",
    ),
    (
        "float: [0.0, 0.5]",
        "float: [0.0 0.5]",
        '12:20: space.dropout: float takes [low, high], not ["0.0 0.5"]\n'
        "  For example {float: [1, 4]}.",
    ),
    (
        "float: [0.0, 0.5]",
        "float: [zero, 0.5]",
        '12:21: space.dropout: low must be a number, not "zero"',
    ),
    (
        "float: [0.0, 0.5]",
        "flaot: [0.0, 0.5]",
        "12:13: space.dropout: flaot is not a kind of parameter\n  Did you mean float?",
    ),
    (
        "{float: [0.0, 0.5]}",
        "0.2",
        "12:12: space.dropout: a parameter is a mapping with its kind and range, not 0.2\n"
        "  For example {float: [0.0, 0.5]}; a value that is not searched is {fixed: 0.2}.",
    ),
    (
        "  dropout: {float: [0.0, 0.5]}",
        "  droput: {float: [0.0, 0.5]}",
        "12:3: space.droput: is not a setting of DistillConfig\n  Did you mean dropout?",
    ),
    (
        "float: [1e-3, 3e-2], log: true",
        "float: [0, 3e-2], log: true",
        "13:18: space.learning_rate: low=0 must be above 0 on a log scale\n"
        "  Start at a small number such as 1e-5, or drop log.",
    ),
    (
        "log: true",
        "lgo: true",
        "13:40: space.learning_rate.lgo: is not an option of float\n  Did you mean log?",
    ),
    (
        "log: true",
        "log: yes",
        '13:45: space.learning_rate: log must be true or false, not "yes"',
    ),
    (
        "int: [4, 24]",
        "int: [4, 24.5]",
        "21:23: space.patience: high must be a whole number, not 24.5",
    ),
    (
        "int: [4, 24]",
        "int: [4, 24], step: 6",
        "21:13: space.patience: high=24 is not low=4 plus a whole number of steps of 6\n"
        "  high could be 22 or 28.",
    ),
    (
        "int: [4, 24]",
        "int: [0, 24]",
        "21:20: space.patience: low=0 must be at least 1",
    ),
    (
        "int: [4, 24]",
        "float: [4, 24]",
        "21:22: space.patience: low=4.0 must be a whole number\n  For example 4.\n"
        "21:25: space.patience: high=24.0 must be a whole number\n  For example 24.",
    ),
    (
        "choice: [keep, drop]",
        "choice: [keep, dorp]",
        "15:29: space.kd_blank: option \"dorp\" must be 'keep' or 'drop'",
    ),
    (
        "choice: [keep, drop]",
        "choice: []",
        "15:22: space.kd_blank: choice takes a list of options, not an empty list\n"
        "  For example {choice: [keep, drop]}.",
    ),
    (
        "choice: [keep, drop]",
        "choice: [keep, keep]",
        '15:29: space.kd_blank: the option "keep" appears twice\n  Remove one of the two.',
    ),
    (
        "simplex: [alpha, beta, gamma]",
        "simplex: [alpha, beta, gama]",
        "14:3: space.loss_weights.gama: is not a setting of loss_weights\n  Did you mean gamma?",
    ),
    (
        "milestones: {fixed: [0.5]}",
        "milestones: {fixed: [1.5]}",
        "20:82: space.temperature.step.milestones: fixed=[1.5] is refused: "
        "temperature.milestones.0: 1.5 is neither an epoch (1, 2, ...) nor a fraction of the run "
        "(between 0 and 1)",
    ),
    (
        "end: {float: [1, 4]}, ",
        "edn: {float: [1, 4]}, ",
        "20:40: space.temperature.edn: is not a setting of temperature\n  Did you mean end?",
    ),
    (
        "  patience: {int: [4, 24]}",
        "  patience: {int: [4, 24]}\n  max_epochs: {int: [4, 24]}",
        "22:3: space.max_epochs: is set by budget.max_epochs and cannot be searched\n"
        "  Search patience instead.",
    ),
    (
        "  patience: {int: [4, 24]}",
        "  patience: {int: [4, 24], choice: [4, 8]}",
        "21:13: space.patience: has 2 kinds, int and choice\n  Keep one of them.",
    ),
    (
        "float: [0.0, 0.5]",
        "float: [0.0, 0.5], step: 1e-20",
        "12:12: space.dropout: step=1e-20 makes more than 1,000,000,000 steps\n  Drop step.",
    ),
    # baseline and factors
    (
        "  dropout: 0.2\n",
        "  dropout: 0.6\n",
        "23:12: baseline.dropout: 0.6 is outside the space, 0.0 to 0.5",
    ),
    (
        "  dropout: 0.2\n",
        "  dropuot: 0.2\n",
        "23:3: baseline.dropout: is missing\n  Give it a value, for example 0.0.\n"
        "23:3: baseline.dropuot: is not a parameter of the space\n  Did you mean dropout?",
    ),
    (
        "gamma: 0.1}",
        "gamma: 0.2}",
        "25:17: baseline.loss_weights: the weights sum to 1.1 and must sum to 1",
    ),
    (
        "{schedule: step, start: 4.0, end: 3.0}",
        "{schedule: constant, start: 4.0, end: 3.0}",
        "27:49: baseline.temperature.end: applies only where temperature.schedule is "
        '"step"\n  Leave it out.',
    ),
    (
        "patience: [4, 8]",
        "patience: [4, 0]",
        "30:17: factors.patience: must be at least 1, not 0",
    ),
    (
        "patience: [4, 8]",
        "patiense: [4, 8]",
        "30:3: factors.patiense: patiense is not a setting of DistillConfig\n"
        "  Did you mean patience?",
    ),
    (
        "patience: [4, 8]",
        "patience: [4, 4]",
        "30:17: factors.patience: the level 4 appears twice\n  Remove one of the two.",
    ),
    (
        "patience: [4, 8]",
        "patience: 4",
        "30:13: factors.patience: must be a list of levels, not 4\n"
        "  For example patience: [LEVEL, LEVEL].",
    ),
    (
        "- {schedule: constant, start: 1.0}",
        "- {schedule: constant, strat: 1.0}",
        "32:28: factors.temperature.strat: is not a setting of temperature\n  Did you mean start?",
    ),
    # YAML itself
    (
        "  dropout: 0.2\n",
        "  dropout: 0.2\n  dropout: 0.3\n",
        "24:3: dropout: given a second time, first on line 23\n  Remove one of the two.",
    ),
    (
        "data: {name: libras}",
        "data: {name: libras",
        "4:8: not YAML: while parsing a flow mapping (begun at 3:7), expected ',' or '}', but got "
        "':'\n  Check brackets and commas from the opening bracket on.",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES, ids=[m[1][:40] for m in MISTAKES])
def test_each_mistake_has_its_message(
    old: str, new: str, expected: str, good: str, write: WriteFile
) -> None:
    """A wrong or missing message leaves the author searching; a second one is noise."""
    assert good.count(old) >= 1
    message = complaints(write(good.replace(old, new, 1)))
    assert message == re.sub(r"(?m)^(\d+:\d+:)", r"space.yaml:\1", expected)


def test_the_good_file_is_good(good: str, write: WriteFile) -> None:
    """Else the table above proves nothing."""
    load_spec(write(good))


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(
    good: str, write: WriteFile
) -> None:
    """One run, one list: nobody wants to start a program ten times."""
    text = good.replace("trials: 24", "trials: 0").replace("[0.0, 0.5]", "[0.5, 0.0]")
    text = text.replace("data: {name", "data: {nam").replace("batch_size", "batchsize")
    text = text.replace("  patience: 12", "  patience: 99").replace("seed: 7", "sed: 7")
    text = text.replace("kd_blank: keep", "kd_blank: kep")
    lines = [line for line in complaints(write(text)).splitlines() if line.startswith("space")]
    assert [line.split(": ")[0] + " " + line.split(": ")[1] for line in lines] == [
        "space.yaml:3:7 data",
        "space.yaml:6:18 budget.trials",
        "space.yaml:9:3 fixed.batchsize",
        "space.yaml:12:12 space.dropout",
        "space.yaml:26:13 baseline.kd_blank",
        "space.yaml:28:13 baseline.patience",
        "space.yaml:33:1 sed",
    ]


@pytest.mark.parametrize("text", ["- a\n", "text\n", "3\n", "null\n", "[]\n"])
def test_a_file_that_is_no_mapping(text: str, write: WriteFile) -> None:
    assert complaints(write(text)).startswith("space.yaml:1:1: the file must be a mapping, not")


def test_a_space_that_searches_nothing(good: str, write: WriteFile) -> None:
    """24 trials of one and the same run."""
    at, to = good.index("space:"), good.index("seed:")
    message = complaints(write(good[:at] + "space: {dropout: {fixed: 0.2}}\n" + good[to:]))
    assert message.startswith("space.yaml:11:8: space: has nothing to search")


def test_the_errors_of_the_reference_are_what_is_reported() -> None:
    """The page shows a list of problems; a user compares it with the one on the screen."""
    page = (ROOT / "docs" / "search-space.md").read_text()
    block = page.split("the exit code is 2.")[1].split("```")[1].strip()
    text = (ROOT / "search_spaces" / "distill.yaml").read_text()
    for old, new in (
        ("trials: 24", "trials: 0"),
        ("batch_size", "batchsize"),
        ("[0.0, 0.5]", "[0.9, 0.5]"),
    ):
        text = text.replace(old, new, 1)
    with (
        patch("slr_tune.space.spec.read_text", return_value=text),
        pytest.raises(SpecError) as caught,
    ):
        load_spec(Path("search_spaces/distill.yaml"), overrides=["budget.grace_epoch=3"])
    assert str(caught.value) == block


def test_an_empty_mapping_lists_what_a_file_needs(write: WriteFile) -> None:
    message = complaints(write("{}\n"))
    assert [line.split(": ")[1] for line in message.splitlines()] == [
        "study",
        "trainable",
        "budget",
        "space",
    ]


SHIPPED = [path.read_text() for path in sorted((ROOT / "search_spaces").glob("*.yaml"))]
BITS = "{}[]:,-#&*!|>'\"%@`?\t\n ~<=." + "0aA\x00é\u2028"


def spoil(text: str, rng: random.Random) -> str:
    """Changes a few characters, lines or words of a file."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        lines = text.split("\n")
        line = rng.randrange(len(lines))
        words = re.findall(r"[\w.-]+", text) or ["a"]
        match rng.randrange(7):
            case 0:
                text = text[:at] + rng.choice(BITS) + text[at:]
            case 1:
                text = text[:at] + text[at + 1 :]
            case 2:
                text = text[:at] + text[min(to, at + 40) :]
            case 3:
                text = "\n".join(lines[:line] + lines[line + 1 :])
            case 4:
                text = "\n".join([*lines[:line], lines[line], *lines[line:]])
            case 5:
                text = text.replace(rng.choice(words), rng.choice(words), 1)
            case 6:
                odd = ["null", "[]", "{}", "-1", "1e400", "0", "true", "[[1]]", "{1: 2}", "''"]
                odd += ["1e308", "-1e308", "1e-308", "0xfffffff", "{float: [0, 1], step: 1e-30}"]
                text = text.replace(rng.choice(words), rng.choice(odd), 1)
    return text


@given(st.sampled_from(SHIPPED), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_a_spoilt_file_is_read_or_refused_with_places(text: str, seed: int) -> None:
    """Whatever is typed: a spec, or problems with line and column; never another exception."""
    spoilt = spoil(text, random.Random(seed))
    path = Path("/tmp") / "never-written.yaml"
    try:
        load_text(spoilt, path)
    except SpecError as error:
        assert error.problems
        for problem in error.problems:
            assert re.fullmatch(r".*never-written\.yaml:\d+:\d+", problem.where), problem


def load_text(text: str, path: Path) -> None:
    """`load_spec` without a file: hypothesis runs a test's body often, but its fixtures once."""
    with patch("slr_tune.space.spec.read_text", return_value=text):
        load_spec(path)
