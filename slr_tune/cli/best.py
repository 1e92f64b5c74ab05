"""`slr-tune best`: the best configuration of a study."""

from __future__ import annotations

import click

from slr_tune.cli.options import (
    command_named,
    echo_json,
    looks_only,
    storage_option,
    takes_study,
    tell,
)


@command_named("best", "slr-tune best > best.yaml", "slr-tune best libras-distill --format json")
@takes_study()
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Output format.",
)
@storage_option
@looks_only
def command(study: str | None, form: str, storage: str | None) -> None:
    """Print the configuration of the best trial, ready for `slr-tune train --config`."""
    import yaml

    from slr_tune.api.studies import load
    from slr_tune.text import metric_text

    stored = load(study, storage=storage)
    best, metric = stored.best, stored.metric
    tell(f"Study {stored.name!r}, trial {best.number}: {metric} {metric_text(best.value, metric)}")
    if form == "json":
        echo_json(best.config, versioned=False)  # a file for `slr-tune train --config`
    else:
        config = yaml.safe_dump(best.config, sort_keys=False, allow_unicode=True)
        click.echo(config.rstrip())
