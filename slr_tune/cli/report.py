"""`slr-tune report`: one page that says what a study found."""

from __future__ import annotations

import click

from slr_tune.cli.options import command_named, echo_study, looks_only, storage_option, tell
from slr_tune.cli.printing import print_page


@command_named("report", "slr-tune report", "slr-tune report --study libras-distill")
@click.option("--study", help="[default: the one written last]")
@storage_option
@looks_only
def command(study: str | None, storage: str | None) -> None:
    """Writes the report of a study: what won, how the search went, what to do next.

    report.html (one file, opens from disk) and report.md go into the study's folder, the figures
    as PNG and PDF into report/ there. A study that is running can be reported too.
    """
    from slr_tune.api.studies import load

    stored = load(study, storage=storage)
    echo_study(stored.view, named=study is not None)
    paths = stored.report()
    print_page(stored.page)
    for path in paths:
        tell(f"wrote {path}")
