"""`slr-tune confirm`: retrain the best of a search on new seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slr_tune.cli.ablation_options import SEEDS, SeedCount
from slr_tune.cli.options import (
    address_option,
    command_named,
    echo,
    echo_json,
    json_option,
    runs_option,
    runtime_env_option,
    ship_option,
    storage_option,
    takes_study,
    tell,
    tell_interrupted,
    test_option,
)
from slr_tune.cli.printing import print_table
from slr_tune.text import counted

if TYPE_CHECKING:
    from slr_tune.study.confirmed import ConfirmedTrial


@command_named(
    "confirm",
    "slr-tune confirm",
    "slr-tune confirm --study libras-distill --top 3 --seeds 5",
    "slr-tune confirm --test",
)
@takes_study()
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many of the best trials to retrain.",
)
@click.option(
    "--seeds", type=SeedCount(), default=SEEDS, show_default=True, help="Seeds per configuration."
)
@test_option
@runs_option
@address_option
@ship_option
@runtime_env_option
@storage_option
@json_option
def command(
    study: str | None,
    top: int,
    seeds: int,
    with_test: bool,
    workers: int | None,
    address: str | None,
    ship: bool,
    runtime_env: Path | None,
    storage: str | None,
    as_json: bool,
) -> int:
    """Retrain the best trials of a search, and its baseline, on new seeds.

    The best of many trials is partly lucky, so its figure is optimistic. New seeds give an unbiased
    one.
    """
    from slr_tune.ablation.winners_curse import confirm_row
    from slr_tune.api.ablating import confirmed
    from slr_tune.api.running import Stopped
    from slr_tune.api.studies import load
    from slr_tune.search.progress import Progress
    from slr_tune.study.data_notes import data_notes
    from slr_tune.training.shipping import read_shipping

    shipping = read_shipping(ship=ship, file=runtime_env, address=address)
    stored = load(study, storage=storage)
    try:
        with Progress() as progress:
            found = confirmed(
                stored,
                progress.message,
                top=top,
                seeds=seeds,
                test=with_test,
                workers=workers,
                address=address,
                shipping=shipping,
                show=progress.training,
            )
    except Stopped as stopped:
        tell_interrupted()
        return stopped.exit_code
    tell(f"Wrote {found.file}")
    if as_json:
        echo_json({"study": stored.name, "rows": [confirm_row(entry) for entry in found.entries]})
    else:
        _print(list(found.entries), stored.name)
        for note in data_notes(stored.view.spec):
            echo(note)
    return 0


def _print(entries: list[ConfirmedTrial], study: str) -> None:
    from slr_tune.ablation.winners_curse import curse_line, tunability_line
    from slr_tune.report.page import Table, numbers, texts
    from slr_tune.study.no_effect import seeds_note

    splits = list(entries[0].wer)
    fresh = [f"{split}, new seeds" for split in splits]
    heads = [
        *texts("configuration", essential=True),
        *numbers("trial", *fresh, essential=True),
        *numbers("in the search"),
    ]
    rows = [
        (
            entry.name,
            str(entry.trial),
            *(entry.mean_text(split) for split in splits),
            entry.value_text(entry.claimed),
        )
        for entry in entries
    ]
    print_table(Table(heads, rows))
    count = len(entries[0].wer[splits[0]])
    spread = "mean ± standard deviation of" if count > 1 else "of"
    measure = entries[0].measure
    unit = "WER in percent" if measure == "WER" else measure
    echo(f"{unit}; {spread} {counted(count, 'seed')}.")
    for entry in entries:
        if entry.name != "baseline":  # which the search did not choose
            echo(curse_line(entry))
    for entry in entries[1:]:
        for split, sentence in entry.verdicts.items():
            echo(f"On {split}: {sentence}")
    if len(entries) > 1:
        echo(tunability_line(entries, study))
    if note := seeds_note(entry.wer["dev"] for entry in entries):
        echo(note)
