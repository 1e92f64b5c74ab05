"""`slr-tune importance`: which parameters matter."""

from __future__ import annotations

import click

from slr_tune.cli.options import (
    command_named,
    echo_json,
    echo_study,
    json_option,
    looks_only,
    storage_option,
    takes_study,
    tell,
)
from slr_tune.cli.printing import print_page


@command_named(
    "importance",
    "slr-tune importance",
    "slr-tune importance --study libras-distill --epoch 9",
    "slr-tune importance --evaluator fanova --json",
)
@takes_study()
@click.option(
    "--evaluator",
    type=click.Choice(["gp", "ped-anova", "fanova", "mdi"]),
    default="gp",
    show_default=True,
    help="gp fits a Gaussian process to all trials at all rungs. The others rank trials at one "
    "epoch and are less reliable on the trials of a search; see docs/importance.md.",
)
@click.option(
    "--epoch",
    type=click.IntRange(min=1),
    help="Importance for the WER at this epoch. [default: the last; for the other evaluators, the "
    "epoch that keeps the most information]",
)
@storage_option
@json_option
@looks_only
def command(
    study: str | None, evaluator: str, epoch: int | None, storage: str | None, as_json: bool
) -> int:
    """Rank the parameters by importance, with their uncertainty, and show where good trials are.

    importance.html, importance.md and the figures (PNG and PDF) are written to the study's folder.
    """
    from slr_tune.api.studies import load
    from slr_tune.report.importance.page import importance_page

    stored = load(study, storage=storage)
    echo_study(stored.view, named=study is not None)
    importance = stored.importance(evaluator=evaluator, epoch=epoch)
    paths = importance.write()
    if as_json:
        echo_json({**importance.found.to_json(), "files": paths})
    else:
        print_page(importance_page(importance.found))
    for path in paths:
        tell(f"wrote {path}")
    return 0
