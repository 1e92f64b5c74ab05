"""`slr-tune report`: one page that says what a study found."""

from __future__ import annotations

from slr_tune.cli.options import (
    command_named,
    echo_study,
    looks_only,
    storage_option,
    takes_study,
    tell,
)
from slr_tune.cli.printing import print_page


@command_named("report", "slr-tune report", "slr-tune report --study libras-distill")
@takes_study()
@storage_option
@looks_only
def command(study: str | None, storage: str | None) -> None:
    """Write an HTML report of a study: what won, how the search went, what to run next.

    report.html (a single file) and report.md are written to the study's folder, figures as PNG and
    PDF to its report/ folder. The study may still be running.
    """
    from slr_tune.api.studies import load

    stored = load(study, storage=storage)
    echo_study(stored.view, named=study is not None)
    paths = stored.report()
    print_page(stored.page)
    for path in paths:
        tell(f"wrote {path}")
