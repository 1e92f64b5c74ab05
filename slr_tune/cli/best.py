"""`slr-tune best`: the best configuration of a study."""

from __future__ import annotations

import click

from slr_tune.cli.options import command_named, echo_json, looks_only, storage_option


@command_named("best", "slr-tune best > best.yaml", "slr-tune best libras-distill --format json")
@click.argument("study", required=False)
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml")
@storage_option
@looks_only
def command(study: str | None, form: str, storage: str | None) -> None:
    """Prints the whole configuration of STUDY's best trial, for `slr-tune train --config`."""
    import yaml

    from slr_tune.errors import StudyError
    from slr_tune.study.record import record_of
    from slr_tune.study.view import load_study
    from slr_tune.text import metric_text

    view = load_study(study, storage)
    trial = view.best()
    record = None if trial is None else record_of(trial)
    if trial is None or record is None:
        raise StudyError(
            f"study {view.spec.study!r} has no finished trial yet",
            hint="slr-tune show tells how its trials ended.",
        )
    metric = view.spec.objective.metric
    click.echo(
        f"Study {view.spec.study!r}, trial {trial.number}: "
        f"{metric} {metric_text(trial.values[0], metric)}",
        err=True,
    )
    if form == "json":
        echo_json(dict(record.config))
    else:
        config = yaml.safe_dump(dict(record.config), sort_keys=False, allow_unicode=True)
        click.echo(config.rstrip())
