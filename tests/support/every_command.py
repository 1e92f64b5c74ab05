"""Runs every command of slr-tune at terminals of several widths, in one process.

    python every_command.py FOLDER WIDTH...

Its terminal is resized to each width, and each command says before its output, on a line of its
own, what it is. Trainings of confirm and ablate are stood in for by results that were drawn; all
that is printed is the commands' own. What each command gets to do is in `calls`.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shlex
import struct
import sys
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARK = "=== "
DATA = "{name: libras, train: 18, dev: 8, test: 4}"
TINY = [
    word
    for setting in ("max_epochs=1", "hidden=8", "layers=1", "projection=8", "device=cpu")
    for word in ("--set", setting)
]
SCORED = ["hyp.txt", "ref.txt", "--format", "text"]
SPACE = """
study: small
trainable: student
data: {data}
budget: {{trials: 4, max_epochs: 6}}
resources: {{workers: 1}}
fixed: {{layers: 1, hidden: 8, projection: 8, device: cpu}}
space:
  learning_rate: {{float: [1.0e-3, 1.0e-2], log: true}}
baseline: {{learning_rate: 5.0e-3}}
"""


def calls(turn: int) -> Mapping[str, list[list[str]]]:
    """Arguments of each command, in the order in which they are given.

    Args:
        turn: From 0: what is made or removed is another thing each time.
    """
    run, again = "run", str(turn)
    return {
        "train": [["student", *TINY, "--data", DATA, "--out", run]],
        "list": [[]],
        "show": [[], ["--wide"], ["--trial", "3"]],
        "best": [[]],
        "importance": [[]],
        "report": [[]],
        "figures": [["--width", "8.5", "--out", f"figures{again}"]],
        "run": [
            ["distill", "--dry-run"],
            ["distill", "--study", "generated", "--trials", "24", "--no-verify"],
        ],
        "ablate": [["--factor", "T", "--dry-run"], ["--factor", "T"]],
        "confirm": [["--top", "2"]],
        "note": [["a longer note on what this study is about and on whose data it was run"]],
        "enqueue": [["--set", f"dropout=0.3{again}"]],
        "stop": [["--trial", str(24 + turn)]],  # the one that was just enqueued
        "export": [["--csv", "--out", f"trials{again}.csv"]],
        "import": [["trials0.csv", "--space", "distill.yaml", "--study", "other",
                    "--dry-run"]],
        "clean": [["--dry-run"], ["generated", "--what", "checkpoints", "--dry-run"]],
        "init": [[], ["student", "--out", f"student{again}.yaml"]],
        "verify": [["small.yaml"]],
        "overfit": [["small.yaml", "--epochs", "2", "--utterances", "2"]],
        "prepare": [["small.yaml"]],
        "diagnose": [[run], ["generated", "--trial", "7"]],
        "evaluate": [[run]],
        "tune-decoder": [[run]],
        "compare": [[run, f"same={run}"]],
        "soft-targets": [[run, "--out", f"targets{again}", "--split", "dev"]],
        "adopt": [[f"{run}/checkpoints/checkpoint_best.pt", "--as", "student", "--out",
                   f"adopted{again}", "--config", "model.yaml", "--data", DATA]],
        "score": [[*SCORED], [*SCORED, "--alignment"]],
        "move": [["generated", "--to", f"sqlite:///moved{again}.db"],
                 ["generated", "--storage", f"sqlite:///moved{again}.db", "--to", STUDIES]],
        "delete": [["generated", "--trial", str(1 + turn), "--yes", "--yes"]],
        "dashboard": [],
    }  # fmt: skip


STUDIES = "sqlite:///studies/slr-tune.db"


OFTEN_READ = ("show", "list", "importance")
"""Commands whose JSON other tests read."""


def with_json(given: Mapping[str, list[list[str]]]) -> list[list[str]]:
    """Each command that has `--json`, once more with it."""
    import click

    from slr_tune.cli.main import cli

    found = []
    for name, several in given.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        if name in OFTEN_READ or not any(param.name == "as_json" for param in command.params):
            continue
        each = several if name in ("run", "ablate") else several[:1]
        found += [[name, *arguments, "--json"] for arguments in each]
    return found


def resize(columns: int) -> None:
    """Of the terminal that this process has."""
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


def give(folder: Path) -> None:
    """A study of 24 trials with a confirmation, and files."""
    from generated_study import SPACE as DISTILL
    from generated_study import generate_study

    from slr_tune.study.confirmed import write_confirmed

    generate_study(24)
    write_confirmed(folder / "studies" / "generated", [])
    (folder / "small.yaml").write_text(SPACE.format(data=DATA))
    (folder / "model.yaml").write_text("{layers: 1, hidden: 8, projection: 8, subsampling: 2}")
    (folder / "distill.yaml").write_text(DISTILL.read_text())
    words = " ".join(f"GLOSS-{number}" for number in range(30))
    (folder / "ref.txt").write_text(f"{words}\nB\nD\n")
    (folder / "hyp.txt").write_text(f"A X C\n{words}\nD\n")


def stand_in() -> None:
    """Results of an ablation and of a confirmation in place of an hour of training; small grids."""
    from ablation_results import example_result

    from slr_tune.api import ablating
    from slr_tune.evaluation import tuning
    from slr_tune.study.confirmed import ConfirmedTrial

    folder = Path("studies/generated/ablations/temperature")
    found = ablating.Ablation(example_result(), folder)
    verdict = "better by 2.00 points, 95 % interval 0.9 to 3.1, p = 0.01"

    def conduct(design: Any, *talk: Any) -> Any:
        return found, [folder / "report.html"]

    def confirmed(study: Any, tell: Any, **options: Any) -> Any:
        wer = {"dev": (20.5, 21.0, 19.5)}
        won, second = {"dev": (18.5, 19.0, 18.1)}, {"dev": (18.6, 19.2, 18.0)}
        entries = (
            ConfirmedTrial(0, "baseline", 22.0, wer),
            ConfirmedTrial(7, "best", 17.0, won, 60_000, {"dev": verdict}),
            ConfirmedTrial(9, "best 2", 17.5, second, 60_000, {"dev": verdict}),
        )
        return ablating.Confirmation(entries, Path("studies/generated/confirm.json"))

    ablating.conduct, ablating.confirmed = conduct, confirmed
    tuning.WEIGHTS, tuning.BONUSES, tuning.WIDTHS = tuning.WEIGHTS[:3], tuning.BONUSES[:3], (5, 10)


def draw_no_more() -> None:
    """The figures in files are as at the first width, and nothing that is printed shows them."""
    from matplotlib.figure import Figure

    def savefig(figure: Figure, file: Path, **options: Any) -> None:
        file.write_bytes(b"")

    Figure.savefig = savefig


def main(folder: Path, widths: list[int]) -> None:
    """All commands with what they are given, their help, and an option that none of them has."""
    gc.set_threshold(20_000, 10, 10)
    os.chdir(folder)
    give(folder)
    stand_in()
    from slr_tune.cli.main import COMMANDS, run

    for number, columns in enumerate(widths):
        resize(columns)
        if number == 1:
            draw_no_more()
        given = calls(2 * number)
        lines = [[name, *arguments] for name, several in given.items() for arguments in several]
        if number == 0:
            lines += with_json(calls(1))
            # It goes back, and later commands find it.
            lines += [["move", "generated", "--storage", "sqlite:///moved1.db", "--to", STUDIES]]
        lines += [[name, more] for name in COMMANDS for more in ("--help", "--no-such-option")]
        for line in [*lines, [], ["no-such-command"]]:
            print(f"{MARK}{json.dumps([columns, shlex.join(line)])}", flush=True)
            code = run(line)
            print(f"{MARK}{code}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(width) for width in sys.argv[2:]])
