"""`slr-tune prepare`: pack a data set, and check every value of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    tell,
)
from slr_tune.cli.printing import print_table

if TYPE_CHECKING:
    from trainables.data import Dataset, SplitStatistics

_SHOWN_GLOSSES = 10


@command_named(
    "prepare",
    "slr-tune prepare search_spaces/distill.yaml    the data of a search space",
    "slr-tune prepare libras                        the bundled sentences",
    "slr-tune prepare ~/phoenix-2014 --features i3d",
    "slr-tune prepare ~/phoenix-2014-si5 --features i3d --subset si5",
)
@click.argument("data")
@click.option(
    "--features", metavar="NAME", help="Folder inside features/ to read. [default: the only one]"
)
@click.option(
    "--subset",
    type=click.Choice(["multisigner", "si5"]),
    help="Which corpus files to read: train.corpus.csv or train.SI5.corpus.csv. "
    "[default: multisigner]",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="ID",
    help="Leave out an utterance, like data.exclude; repeat the option for several.",
)
@json_option
def command(
    data: str, features: str | None, subset: str | None, exclude: tuple[str, ...], as_json: bool
) -> None:
    """Pack DATA, check every value in it, and print a summary.

    DATA is a search-space file, the word libras, or a folder laid out like PHOENIX-2014:
    annotations/manual/{train,dev,test}.corpus.csv and features/NAME/{train,dev,test}/ID.npz. Corpus
    files of PHOENIX-2014-T work too. Runs prepare their data themselves; use this command to do it
    in advance and to see what is wrong with the data.
    """
    from slr_tune.study.folders import cache_root
    from trainables.data import prepare

    section = _section(data, features, subset, exclude)
    with _progress_bar() as update:
        dataset = prepare(section, cache_root(), progress=update)
    for warning in dataset.warnings:
        tell(f"Warning: {warning}.")
    if as_json:
        echo_json(_as_json(dataset))
    else:
        _print(dataset)


def _section(
    data: str, features: str | None, subset: str | None, exclude: Sequence[str]
) -> Mapping[str, Any]:
    from slr_tune.errors import Problem, SpecError
    from slr_tune.space.shipped import find_space, shipped_file
    from trainables.data.config import as_written

    path = Path(data).expanduser()
    if data != "libras" and path.is_dir():
        section = {"name": "phoenix", "root": str(path), "features": features or _only(path)}
        given = {"subset": subset, "exclude": list(exclude)}
        return as_written(section | {key: value for key, value in given.items() if value})
    if features or subset or exclude:
        raise click.UsageError("--features, --subset and --exclude apply only to a folder of data")
    if data == "libras":
        return {"name": "libras"}
    if not path.exists() and shipped_file(data) is None:
        hint = (
            "DATA is a search-space file, the name of a shipped space, the word libras, or a "
            "folder laid out like PHOENIX-2014."
        )
        raise SpecError([Problem(str(path), "no such file or folder", hint)])
    return _section_of_file(find_space(path))


def _section_of_file(path: Path) -> Mapping[str, Any]:
    from slr_tune.errors import Problem, SpecError
    from slr_tune.space.problems import FileSection, ProblemList
    from slr_tune.space.sections import read_data
    from slr_tune.space.yaml_reader import read_yaml

    problems = ProblemList()
    section = read_data(FileSection(read_yaml(path), "", problems), None)
    problems.raise_any()
    if not section:
        hint = "Add for example data: {name: libras}."
        raise SpecError([Problem(str(path), "has no section data", hint)])
    return section


def _only(root: Path) -> str:
    from trainables.data.phoenix_source import feature_names

    names = feature_names(root)
    if len(names) == 1:
        tell(f"Features {names[0]}, the only ones there.")
        return names[0]
    found = f"has {', '.join(names)}: choose one with --features" if names else "has no folder"
    raise click.UsageError(f"{root / 'features'} {found}")


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr while utterances are packed; nothing where stderr is not a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    hidden = not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=hidden) as bar:
        task = bar.add_task("Checking and packing", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(dataset: Dataset) -> None:
    from slr_tune.report.page import Table, numbers, texts

    rows = [
        (
            split.name,
            f"{split.sentences:,}",
            f"{split.frames:,}",
            f"{split.shortest}..{split.longest}",
            f"{split.glosses:,}",
            f"{split.distinct_glosses:,}",
            f"{split.unknown:,}",
        )
        for split in dataset.statistics
    ]
    heads = texts("split", essential=True) + numbers("sentences", essential=True)
    more = numbers("frames", "frames per sentence", "glosses", "distinct", "unknown")
    print_table(Table(heads + more, rows))
    for split in dataset.statistics:
        if split.unknown:
            echo(_unknown(split))
    echo(
        f"{len(dataset.vocabulary) - 1:,} glosses to recognise, "
        f"{dataset.feature_size:,} features per frame"
    )
    echo(f"{dataset.name} {dataset.hash} in {dataset.folder}")


def _unknown(split: SplitStatistics) -> str:
    often = sorted(split.unknown_glosses.items(), key=lambda pair: -pair[1])
    shown = ", ".join(f"{gloss} ({count})" for gloss, count in often[:_SHOWN_GLOSSES])
    more = f" and {len(often) - _SHOWN_GLOSSES} more" if len(often) > _SHOWN_GLOSSES else ""
    return f"unknown in {split.name}, each counted as an error: {shown}{more}"


def _as_json(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "hash": dataset.hash,
        "folder": str(dataset.folder),
        "spec": dict(dataset.spec),
        "glosses": len(dataset.vocabulary) - 1,
        "feature_size": dataset.feature_size,
        "warnings": list(dataset.warnings),
        "excluded": dataset.facts.get("excluded", []),
        "too_short": dataset.facts.get("too_short", []),
        "splits": [{**asdict(split), "unknown": split.unknown} for split in dataset.statistics],
    }
