"""Options read from what the usual libraries print for `--help`, as their versions print it."""

from __future__ import annotations

from typing import Any

import pytest

from slr_tune.space.ranges import first_range
from trainables.script.help_text import options_in, subcommand_in, with_declared

ARGPARSE = """usage: train.py [-h] [--learning_rate LEARNING_RATE] [--batch_size {4,8,16}]

Train

options:
  -h, --help            show this help message and exit
  --learning_rate LEARNING_RATE
                        learning rate (default: 0.0003)
  -b {4,8,16}, --batch_size {4,8,16}
                        batch size (default: 8)
  --augment, --no-augment
                        augment (default: False)
"""
CLICK = """Usage: train.py [OPTIONS]

  Train.

Options:
  --learning-rate FLOAT           Rate.  [default: 0.0003]
  -b, --batch-size [4|8|16]       [default: 8]
  --augment / --no-augment        [default: no-augment]
  --help                          Show this message and exit.
"""
TYPER = """
 Usage: train.py [OPTIONS]

╭─ Options ────────────────────────────────────────────────────────╮
│ --learning-rate                FLOAT    Rate. [default: 0.0003]  │
│ --batch-size                   [4|8|16] [default: 8]             │
│ --augment     --no-augment              [default: no-augment]    │
│ --help                                  Show this message.       │
╰──────────────────────────────────────────────────────────────────╯
"""
TYRO = """usage: train.py [-h] [OPTIONS]

╭─ options ────────────────────────────────────────────────────╮
│ -h, --help              show this help message and exit      │
│ --learning-rate FLOAT   Rate. (default: 0.0003)              │
│ --batch-size {4,8,16}   (default: 8)                         │
│ --augment, --no-augment                                      │
│                         (default: False)                     │
╰──────────────────────────────────────────────────────────────╯
"""
LIGHTNING = """usage: train.py [options] fit [-h] [-c CONFIG]

options:
  -h, --help            Show this help message and exit.
  -c CONFIG, --config CONFIG
                        Path to a configuration file in json or yaml format.
  --print_config[=flags]
                        Print the configuration and exit.
  --model.learning_rate LEARNING_RATE
                        Rate (type: float, default: 0.0003)
  --data.batch_size BATCH_SIZE
                        (type: int, default: 8)
  --trainer.max_epochs MAX_EPOCHS
                        (type: Optional[int], default: null)
  --model.augment {true,false}
                        (type: bool, default: False)
"""
HYDRA = """train is powered by Hydra.

== Configuration groups ==
Compose your configuration from those groups (group=option)

== Config ==
Override anything in the config (foo.bar=value)

optimizer:
  learning_rate: 0.0003
data:
  batch_size: 8
augment: false

Powered by Hydra (https://hydra.cc)
Use --hydra-help to view Hydra specific help
"""


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (ARGPARSE, ["--learning_rate", "--batch_size", "--augment"]),
        (CLICK, ["--learning-rate", "--batch-size", "--augment"]),
        (TYPER, ["--learning-rate", "--batch-size", "--augment"]),
        (TYRO, ["--learning-rate", "--batch-size", "--augment"]),
        (LIGHTNING, ["--model.learning_rate", "--data.batch_size", "--model.augment"]),
        (HYDRA, ["optimizer.learning_rate=", "data.batch_size=", "augment="]),
    ],
    ids=["argparse", "click", "typer", "tyro", "lightning", "hydra"],
)
def test_rate_batch_and_switch_are_found(text: str, flags: list[str]) -> None:
    # Broken if a library's help were read as another's.
    options = {option.flag: option for option in options_in(text)}
    assert set(flags) <= set(options), options
    rate, batch, augment = (options[flag] for flag in flags)
    assert (rate.default, rate.kind) == (0.0003, "float")
    assert (batch.default, batch.kind) == (8, "int")
    assert augment.kind in ("switch", "text")
    found = first_range(rate)
    assert found is not None and found.text == "{float: [3.0e-05, 0.003], log: true}"
    sizes = first_range(batch)
    assert sizes is not None and sizes.text == "{choice: [4, 8, 16]}"


def test_what_help_leaves_out_is_looked_up_where_it_is_declared() -> None:
    """Most scripts do not print their defaults."""
    text = "options:\n  --lr LR   learning rate\n  --drop DROP\n"
    source = (
        "p.add_argument('--lr', type=float, default=1e-3)\np.add_argument('--drop', default=.1)"
    )
    lr, drop = with_declared(options_in(text), source)
    assert (lr.default, lr.kind, drop.default) == (0.001, "float", 0.1)


@pytest.mark.parametrize(
    ("name", "default", "wanted"),
    [
        ("dropout", 0.1, "{float: [0.0, 0.6]}"),
        ("attention_dropout", 0.7, "{float: [0.0, 0.7]}"),
        ("weight_decay", 0.0, "{float: [0.0, 1.0e-3]}"),
        ("num_layers", 3, "{int: [2, 5]}"),
        ("num_workers", 4, None),
        ("log_every", 10, None),
        ("temperature", 4.0, "{float: [1.0, 8.0]}"),
    ],
)
def test_ranges_come_from_names(name: str, default: Any, wanted: str | None) -> None:
    """A range that its default lies outside of could not be the baseline's."""
    option = options_in(f"options:\n  --{name} X   (default: {default})\n")[0]
    found = first_range(option)
    assert (None if found is None else found.text) == wanted


def test_a_subcommand_that_trains_is_found() -> None:
    """LightningCLI has its options behind `fit`."""
    assert subcommand_in("usage: t.py [-h] {fit,validate,test,predict} ...") == "fit"
    assert subcommand_in("usage: t.py [-h] [--mode {a,b}]") is None
