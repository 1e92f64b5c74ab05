"""`slr-tune verify`: check all that a search needs, before it costs a night."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    set_option,
    space_argument,
    storage_option,
)

_EXIT_FAILED = 2


@command_named(
    "verify",
    "slr-tune verify search_spaces/distill.yaml",
    "slr-tune verify search_spaces/phoenix/student.yaml --set data.root=~/phoenix-2014",
)
@space_argument
@click.option("--quick", is_flag=True, help="Only the checks that slr-tune run does first.")
@click.option("--study", help="Name of the study. [default: from SPACE]")
@set_option("Override a value of SPACE, such as --set fixed.batch_size=8.")
@storage_option
@json_option
def command(
    space: Path, study: str | None, overrides: tuple[str, ...], as_json: bool, **options: Any
) -> int:
    """Check SPACE: teacher, models, loss, data, memory, disk, database, and what it will cost.

    Exit code 0 if no check failed, else 2.
    """
    from slr_tune.space import load_spec

    spec = load_spec(space, overrides=overrides, study=study)
    from slr_tune.checks.verify import verify

    checks = verify(spec, **options)
    failed = sum(check.failed for check in checks)
    if as_json:
        rows = [asdict(check) for check in checks]
        echo_json({"space": str(space), "study": spec.study, "failed": failed, "checks": rows})
    else:
        for check in checks:
            echo(str(check))
        message = f"{failed} of {len(checks)} checks failed."
        echo(message if failed else f"{len(checks)} checks, none failed.")
    return _EXIT_FAILED if failed else 0
