"""What an import would do: which names mean what, which runs fit, which are left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slr_tune.errors import SlrTuneError, StudyError
from slr_tune.importing.earlier_run import EarlierRun, Source
from slr_tune.importing.fit import Fitted, Misfit, fit
from slr_tune.importing.measured import Measured, Measures
from slr_tune.importing.names import Matched, match_names
from slr_tune.importing.optuna_studies import about
from slr_tune.space import MISSING, SimplexParameter, StudySpec, look_up
from slr_tune.space.overrides import apply_overrides
from slr_tune.space.problems import ProblemList
from slr_tune.space.values import merge, nested, setting_names, show
from slr_tune.space.yaml_tree import Node, SourcePlace
from slr_tune.text import counted

_MOST_REASONS = 4


@dataclass(frozen=True)
class ImportOptions:
    """What a person says of the runs.

    Attributes:
        metric: The source's name of the objective; None to find it.
        names: Our names by the source's.
        assumed: Nested settings that the runs had and do not report.
        ignored: Names of the source that do not matter.
        scale: Factor from the source's values to ours; None where it is 1 and looks it.
        steps_per_epoch: Steps of the source's curves in an epoch; None to find it.
    """

    metric: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    assumed: Mapping[str, Any] = field(default_factory=dict)
    ignored: Sequence[str] = ()
    scale: float | None = None
    steps_per_epoch: float | None = None


@dataclass(frozen=True)
class FittedRun:
    """A run that is a trial of the study to be.

    Attributes:
        run: As it was read.
        place: Its values in the space.
        measured: Its values, epochs and end.
        seed: Of its randomness; None where it does not say.
    """

    run: EarlierRun
    place: Fitted
    measured: Measured
    seed: int | None


@dataclass(frozen=True)
class ImportPlan:
    """What an import does.

    Attributes:
        source: Where the runs are from.
        spec: The study that they are for.
        matched: What the source's names mean; None of a study of ours, whose names are the same.
        measures: Where their values were found.
        taken: The runs that fit.
        left: The others: name and reason.
    """

    source: Source
    spec: StudySpec
    matched: Matched | None
    measures: Measures
    taken: tuple[FittedRun, ...]
    left: tuple[tuple[str, str], ...]

    @property
    def moved(self) -> int:
        """Runs that had to be moved into the space."""
        return sum(bool(one.place.moved) for one in self.taken)

    def summary(self) -> str:
        """One line: how many fit, how many were moved into the space, how many are left out."""
        message = f"{self.source.kind} {self.source.place}: {len(self.taken)} of "
        message += f"{counted(len(self.source.runs), 'run')} fit the space"
        if self.moved:
            names = Counter(name for one in self.taken for name in one.place.moved)
            message += f", {self.moved} of them moved to its edge or step ({_counted(names)})"
        if self.left:
            message += f"; {len(self.left)} left out ({_counted(Counter(r for _, r in self.left))})"
        return f"{message}."

    def check(self) -> None:
        """Refuses an import of nothing.

        Raises:
            StudyError: No run fits, with the reasons.
        """
        if not self.taken:
            reasons = "\n  ".join(
                f"{counted(count, 'run')}: {why}" for why, count in self.reasons()
            )
            raise StudyError(
                f"none of the {counted(len(self.source.runs), 'run')} of {self.source.place} fits "
                f"the space of study {self.spec.study!r}:\n  {reasons or 'it has none'}",
                hint="--map THEIRS=OURS maps a name, --assume KEY=VALUE supplies a setting that "
                "the runs do not record, --ignore NAME accepts runs in which it differs.",
            )

    def reasons(self) -> list[tuple[str, int]]:
        """Why runs are left out, the most frequent first."""
        return Counter(reason for _, reason in self.left).most_common()


def plan_import(
    spec: StudySpec, source: Source, options: ImportOptions | None = None
) -> ImportPlan:
    """Works out what an import would do; nothing is written.

    Raises:
        SlrTuneError: The metric is not to be found, a name is ambiguous, or values are fractions
            where the study counts in percent.
    """
    options = options or ImportOptions()
    if source.direction not in (None, spec.objective.direction):
        raise StudyError(
            f"{source.place} is to {source.direction}, study {spec.study!r} to "
            f"{spec.objective.direction} {spec.objective.metric}",
            hint="Their values cannot be compared.",
        )
    if spec.budget.fidelity is not None and not source.own:
        raise StudyError(
            f"low rungs of study {spec.study!r} train on a part of the data; the runs of "
            f"{source.place} do not say that theirs did",
            hint="Their values cannot be compared there. Leave out budget.fidelity.",
        )
    source = _compared(spec, source)
    matched = None if source.own else _matched(spec, source, options)
    measures = Measures.of(
        spec, source, matched, options.metric, options.scale, options.steps_per_epoch
    )
    taken, left = [], []
    for run in source.runs:
        try:
            measured = measures.read(run)
            settings = _settings(spec, run, matched, options)
            place = fit(spec.space, _fixed(spec, options), settings)
        except Misfit as error:
            left.append((run.name, str(error)))
            continue
        seed = look_up(settings, ("seed",))
        whole = isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0
        taken.append(FittedRun(run, place, measured, seed if whole else None))
    return ImportPlan(source, spec, matched, measures, tuple(taken), tuple(left))


def _compared(spec: StudySpec, source: Source) -> Source:
    """A study of ours, once it is known that its values are of the same thing.

    Raises:
        StudyError: They are of another metric, trainable or other data.
    """
    mine, notes = about(spec), list(source.notes)
    for name, theirs in source.about.items():
        if theirs == mine[name]:
            continue
        if name != "teacher":
            raise StudyError(
                f"study {source.place!r} has {name} {show(theirs)}, study {spec.study!r} has "
                f"{show(mine[name])}",
                hint="Their values cannot be compared.",
            )
        notes.append("its students had another teacher: their values are only a hint here")
    return replace(source, notes=tuple(notes))


def _matched(spec: StudySpec, source: Source, options: ImportOptions) -> Matched:
    skip = {*source.ignored, *options.ignored}
    names = dict.fromkeys(name for run in source.runs for name in run.fields if name not in skip)
    coded = {key for parameter in spec.space.parameters for key in parameter.keys}
    known = [*_known(spec), "seed", "max_epochs"]
    given = {key: ours for key, ours in options.names.items() if key in names}
    if missing := [key for key in options.names if key not in names]:
        columns = {column for run in source.runs for row in run.curve for column in row}
        if wrong := [key for key in missing if key not in columns]:
            match_names(names, known, {wrong[0]: options.names[wrong[0]]})
    return match_names([n for n in names if n not in coded or n in known], known, given)


def _known(spec: StudySpec) -> list[str]:
    """Dotted names of all that a run's settings may say here, what is searched first."""
    found: list[str] = []
    for parameter in spec.space.parameters:
        path = ".".join(parameter.path)
        weights = parameter.weights if isinstance(parameter, SimplexParameter) else ()
        found += [f"{path}.{weight}" for weight in weights] or [path]
    return list(dict.fromkeys([*found, *setting_names(spec.fixed)]))


def _settings(
    spec: StudySpec, run: EarlierRun, matched: Matched | None, options: ImportOptions
) -> dict[str, Any]:
    """A run's settings, nested, by our names."""
    if matched is None:
        return merge(options.assumed, run.fields)
    pairs = [
        (tuple(matched.taken[name].split(".")), value)
        for name, value in run.fields.items()
        if name in matched.taken
    ]
    settings = nested(_without_clash(pairs))
    for parameter in spec.space.parameters:
        # As a study of Optuna has it that was made by suggesting from such a space.
        if parameter.keys and look_up(settings, parameter.path) is MISSING:
            if all(key in run.fields for key in parameter.keys):
                try:
                    value = parameter.decode(run.fields)
                except (KeyError, TypeError, ValueError):
                    continue
                settings = merge(settings, nested([(parameter.path, value)]))
    return merge(options.assumed, settings)


def _without_clash(
    pairs: Iterable[tuple[tuple[str, ...], Any]],
) -> list[tuple[tuple[str, ...], Any]]:
    """Pairs in which no path is a value and a group of values at once; the group is kept."""
    each = list(pairs)
    groups = {path[:depth] for path, _ in each for depth in range(1, len(path))}
    return [(path, value) for path, value in each if path not in groups]


def _fixed(spec: StudySpec, options: ImportOptions) -> Mapping[str, Any]:
    """The fixed settings that a run has to share; the ignored ones are left out."""
    ignored = {options.names.get(name, name) for name in options.ignored}
    return {
        name: value
        for name, value in spec.fixed.items()
        if name not in ignored and not any(one.startswith(f"{name}.") for one in ignored)
    }


def _counted(counts: Counter[str]) -> str:
    each = [f"{why}: {count}" for why, count in counts.most_common(_MOST_REASONS)]
    more = len(counts) - _MOST_REASONS
    return "; ".join(each) + (f"; {more} other reasons" if more > 0 else "")


def parse_names(pairs: Iterable[str]) -> dict[str, str]:
    """`--map THEIRS=OURS` as a mapping.

    Raises:
        SlrTuneError: One has no `=`.
    """
    found = {}
    for pair in pairs:
        theirs, sign, ours = pair.rpartition("=")
        if not (sign and theirs.strip() and ours.strip()):
            raise SlrTuneError(
                f"--map {pair}: must be THEIRS=OURS", hint="For example lr=learning_rate."
            )
        found[theirs.strip()] = ours.strip()
    return found


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` texts as nested settings, their values read as in a space file.

    Raises:
        SpecError: One cannot be read.
    """
    problems = ProblemList()
    root = apply_overrides(Node(SourcePlace(0, 0, 0, ""), {}), texts, problems)
    problems.raise_any()
    found: dict[str, Any] = root.plain() or {}
    return found
