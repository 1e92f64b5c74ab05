"""`slr-tune importance`: which parameters matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from slr_tune.cli.options import (
    command_named,
    echo_json,
    echo_study,
    json_option,
    looks_only,
    storage_option,
    tell,
)
from slr_tune.cli.printing import print_page

if TYPE_CHECKING:
    from slr_tune.study.view import StudyView


@command_named(
    "importance",
    "slr-tune importance",
    "slr-tune importance --study libras-distill --epoch 9",
    "slr-tune importance --evaluator fanova --json",
)
@click.option("--study", help="[default: the one written last]")
@click.option(
    "--evaluator",
    type=click.Choice(["gp", "ped-anova", "fanova", "mdi"]),
    default="gp",
    show_default=True,
    help="gp is a Gaussian process over all trials at all rungs. The others rank trials at one "
    "epoch and miss more on the history of a search; docs/importance.md says how much.",
)
@click.option(
    "--epoch",
    type=click.IntRange(min=1),
    help="Read it at this epoch. [default: the last one; for evaluators that rank trials at one "
    "epoch, the one that keeps the most information]",
)
@storage_option
@json_option
@looks_only
def command(
    study: str | None, evaluator: str, epoch: int | None, storage: str | None, as_json: bool
) -> int:
    """Says which parameters matter, with what certainty, and where the best trials lie.

    Writes importance.html, importance.md, and the figures as PNG and PDF into the study's folder.
    """
    from slr_tune.importance.study_analysis import study_importance
    from slr_tune.report.importance.page import importance_page, write_importance
    from slr_tune.study.view import load_study

    view = load_study(study, storage)
    echo_study(view, named=study is not None)
    _check_epoch(epoch, view)
    found = study_importance(view, evaluator=evaluator, epoch=epoch)
    paths = write_importance(found, view.folder / "importance")
    if as_json:
        echo_json({**found.to_json(), "files": paths})
    else:
        print_page(importance_page(found))
    for path in paths:
        tell(f"wrote {path}")
    return 0


def _check_epoch(epoch: int | None, view: StudyView) -> None:
    from slr_tune.errors import SlrTuneError

    reached = [max(t.intermediate_values) for t in view.trials if t.intermediate_values]
    if not reached:
        raise SlrTuneError(
            f"study {view.spec.study!r} has no trial with an epoch yet",
            hint="slr-tune show tells how its trials ended.",
        )
    if epoch is not None and epoch > max(reached):
        raise SlrTuneError(
            f"no trial of study {view.spec.study!r} reached epoch {epoch}",
            hint=f"The longest ran {max(reached)} epochs.",
        )
