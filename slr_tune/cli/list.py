"""`slr-tune list`: the studies of a database."""

from __future__ import annotations

from slr_tune.cli.options import (
    command_named,
    echo_json,
    json_option,
    looks_only,
    storage_option,
    tell,
)
from slr_tune.cli.printing import print_table
from slr_tune.text import number, points


@command_named("list", "slr-tune list", "slr-tune list --json")
@storage_option
@json_option
@looks_only
def command(storage: str | None, as_json: bool) -> None:
    """List the studies, the most recent one first."""
    from dataclasses import asdict

    from slr_tune.report.page import Table, numbers, texts
    from slr_tune.study.view import list_studies

    studies = list_studies(storage)
    if as_json:
        echo_json([asdict(study) for study in studies])
        return
    if not studies:
        tell("No study yet. Create one with slr-tune run distill.")
        return
    foreign = ("foreign",) if any(study.foreign for study in studies) else ()
    imported = ("imported",) if any(study.imported for study in studies) else ()
    rows = [
        (
            study.name + (" (running)" if study.running else ""),
            str(sum(study.trials.values())),
            _best(study.best),
            *(str(study.trials.get(state, 0)) for state in ("COMPLETE", "PRUNED", "FAIL")),
            str(study.trials.get("RUNNING", 0) + study.trials.get("WAITING", 0)),
            *((str(study.imported),) if imported else ()),
            *((str(study.foreign),) if foreign else ()),
            "-" if study.last_written is None else f"{study.last_written:%Y-%m-%d %H:%M}",
        )
        for study in studies
    ]
    heads = [
        *texts("study", essential=True),
        *numbers("trials", "best", essential=True),
        *numbers("complete", "pruned", "failed", "open", *imported, *foreign, "written"),
    ]
    print_table(Table(heads, rows))


def _best(value: float | None) -> str:
    """A list holds studies of all metrics: two decimals of a WER, more of a small loss."""
    return number(value, 4) if value is None or abs(value) < 1 else points(value)
