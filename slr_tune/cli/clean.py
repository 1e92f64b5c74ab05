"""`slr-tune clean`: free the disk of what is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    storage_option,
    takes_study,
    tell,
)
from slr_tune.cli.printing import print_table

if TYPE_CHECKING:
    from pathlib import Path

    from slr_tune.study.leftovers import Leftover

_NAMES = (
    *("partial", "data", "teacher-outputs", "scores"),
    *("aside", "stages", "checkpoints", "unfinished"),
)


@command_named(
    "clean",
    "slr-tune clean --dry-run                       list what could be removed",
    "slr-tune clean --yes                           remove it",
    "slr-tune clean libras-distill --what checkpoints --keep 3",
)
@takes_study()
@click.option(
    "--what",
    multiple=True,
    type=click.Choice(_NAMES),
    help="What to remove; repeat the option for several. aside, stages, checkpoints and unfinished "
    "need STUDY. [default: partial, data and teacher-outputs]",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="With --what checkpoints: number of best trials that keep theirs.",
)
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option("--yes", is_flag=True, help="Remove without asking.")
@storage_option
@json_option
def command(
    study: str | None,
    what: tuple[str, ...],
    keep: int,
    dry_run: bool,
    yes: bool,
    storage: str | None,
    as_json: bool,
) -> None:
    """List files that are no longer needed, with their sizes, and remove them.

    Without STUDY: partial files of dead processes, and packed data and teacher outputs that no
    study in this folder uses. All of it except trial checkpoints can be made again.
    """
    from slr_tune.study.folders import studies_root
    from slr_tune.study.leftovers import OF_STUDY, UNASKED, shared_leftovers, study_leftovers
    from slr_tune.study.unfinished import is_ablating
    from slr_tune.study.view import load_study

    kinds: Any = what or UNASKED
    of_study = [kind for kind in what if kind in OF_STUDY]
    if of_study and study is None:
        raise click.UsageError(f"--what {of_study[0]} needs the name of a study.")
    found = shared_leftovers(studies_root(), kinds)
    if study is not None:
        view = load_study(study, storage)
        if view.running and of_study:
            raise click.UsageError(f"study {study!r} is running: its files are in use.")
        if is_ablating(view.folder) and of_study:
            message = f"an ablation of study {study!r} is running: its files are in use."
            raise click.UsageError(message)
        found += study_leftovers(view, kinds, keep=keep)
        if "stages" in what and "unfinished" not in what:
            _tell_unfinished(view.folder)
    gone = [] if dry_run else _remove(found, yes=yes, quiet=as_json)
    if as_json:
        echo_json([_as_json(item, removed=item in gone) for item in found])
    elif dry_run:
        _print(found)


def _tell_unfinished(folder: Path) -> None:
    """Says which ablations keep the stages from going."""
    from slr_tune.study.unfinished import unfinished_ablations

    for name, line in unfinished_ablations(folder).items():
        tell(f"Stages are kept: {name.lstrip('.')} was interrupted. To continue: {line}")
        tell("  To give up what it has trained: --what unfinished")


def _remove(found: list[Leftover], *, yes: bool, quiet: bool) -> list[Leftover]:
    from slr_tune.errors import RunFailed
    from slr_tune.study.leftovers import remove
    from slr_tune.text import size_text

    if not quiet:
        _print(found)
    if not found:
        return []
    if not yes and not click.confirm("Remove them?", err=True, default=False):
        tell("Nothing was removed.")
        return []
    gone, failed = [], []
    for item in found:
        try:
            remove(item)
            gone.append(item)
        except OSError as error:
            failed.append(f"{item.path}: {error.strerror}")
    tell(f"Removed {len(gone)}, {size_text(sum(item.size for item in gone))} are free.")
    if failed:
        raise RunFailed("not removed: " + "; ".join(failed))
    return gone


def _print(found: list[Leftover]) -> None:
    from slr_tune.report.page import Table, numbers, texts
    from slr_tune.study.folders import studies_root
    from slr_tune.study.leftovers import KINDS
    from slr_tune.text import size_text

    if not found:
        echo("Nothing to remove.")
        return
    root = studies_root()
    rows = [
        (item.kind, size_text(item.size), str(item.path.relative_to(root)))
        for item in sorted(found, key=lambda item: -item.size)
    ]
    print_table(Table((*texts("kind"), *numbers("size"), *texts("path")), rows))
    for kind in KINDS:
        sizes = [item.size for item in found if item.kind == kind]
        if sizes:
            echo(f"{kind}: {size_text(sum(sizes))}; {KINDS[kind]}")


def _as_json(item: Leftover, *, removed: bool) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "path": str(item.path),
        "bytes": item.size,
        "study": item.study or None,
        "removed": removed,
    }
