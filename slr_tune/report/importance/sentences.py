"""What importance says, in words and tables: for the terminal, the page and Markdown."""

from __future__ import annotations

from slr_tune.importance import StudyImportance
from slr_tune.importance.analysis import DEFAULT, MIN_TRIALS, Bar, top_count
from slr_tune.importance.effects import LocalEffect, Pair, Region
from slr_tune.report.importance.figures import ordered_bars
from slr_tune.report.page import Table, TableColumn, numbers, texts
from slr_tune.study.best_trials import best_trials_text
from slr_tune.study.commands import command_line
from slr_tune.text import in_percent, metric_text, number

_FAST = 0.15
"""Share at the first rung from which a parameter that survivors do not cover is warned of."""
_COVERED = 0.5
_WEAKNESS = {
    "ped-anova": "PED-ANOVA compares the best tenth with a uniform sample of the space. On the "
    "history of a search it often misranks the strongest parameter; the default does better.",
    "fanova": "fANOVA analyses a random forest at one epoch. It hardly detects parameters that "
    "matter only in combination, and needs about a hundred trials; the default does better.",
    "mdi": "MDI counts the splits of a random forest. It favours parameters with many values; the "
    "default does better.",
}


def verdict(found: StudyImportance) -> str:
    """The one sentence."""
    main = found.main
    if not main.units:
        return too_few(found)
    first = main.units[0]
    measured = f"{_share(first)} of the {_whole(found)}{_size(found, first)}"
    if main.named is not None:
        end = "" if main.evaluator == DEFAULT else "; its rank is stable"
        return f"{first.name} matters most: {measured}{end}."
    if first.share == 0.0 or not any(bar.seen in (True, None) for bar in main.units):
        if early := [bar.name for bar in main.units if bar.early]:
            return f"These trials show an effect of {', '.join(early)} only at the first epochs."
        return "These trials show no effect of any parameter."
    return (
        f"Not enough trials to say which parameter matters most: {first.name} leads with "
        f"{measured}, but {main.trials} trials are too few to be sure of its rank."
    )


def too_few(found: StudyImportance) -> str:
    """Why there is no statement."""
    return f"Too few trials: {found.main.trials} have a value, at least {MIN_TRIALS} are needed."


def notes(found: StudyImportance) -> list[str]:
    """Caveats, one sentence each."""
    main = found.main
    if not main.units:
        return [too_few(found)]
    caveats = [] if main.evaluator == DEFAULT else [_WEAKNESS[main.evaluator]]
    if main.set_aside:
        outliers = ", ".join(map(str, main.set_aside))
        show = command_line("show", options={"--study": found.study, "--trial": main.set_aside[0]})
        caveats.append(
            f"Left out as outliers that their configuration does not explain: trial {outliers} "
            f"({show})."
        )
    if main.bounded:
        caveats.append(
            f"Values of {main.bounded} trial{'s' * (main.bounded > 1)} are off by more than ten "
            f"times the distance between the median and the best tenth. How far does not count."
        )
    if found.diverged:
        caveats.append(
            f"Not counted: {found.diverged} that became NaN and have no value to compare. The "
            f"shares do not say what makes a run diverge."
        )
    together = [pair for pair in found.pairs if pair.named]
    for one, other in dict.fromkeys(tuple(sorted(pair.units)) for pair in together):
        share = sum(p.share for p in found.pairs if set(p.units) == {one, other})
        caveats.append(
            f"{one} and {other} interact: {100 * share:.0f} % of the variance comes from their "
            f"combination. Do not judge or fix one without the other."
        )
    caveats += [_fast(bar, main.epoch) for bar in main.units if _only_fast(bar)]
    unseen = [b.name for b in main.units if b.seen is False and b.measured and not b.early]
    if unseen:
        caveats.append(
            f"No effect seen: {', '.join(unseen)}. This does not prove that there is none; the "
            f"upper ends of their bands show how large it may be."
        )
    caveats += [
        f"{bar.name}: fewer than 8 trials ran long enough for it to act, so its effect is not "
        f"estimated."
        for bar in main.units
        if not bar.measured
    ]
    unstable = [bar.name for bar in main.units if bar.unstable]
    if unstable:
        caveats.append(
            f"The ranking of {', '.join(unstable)} changes under resampling; do not rely on it."
        )
    return caveats


def _only_fast(bar: Bar) -> bool:
    if bar.first_rung is None or bar.covered is None or bar.seen is None or not bar.measured:
        return False
    return bar.early or (bar.seen and bar.first_rung >= _FAST and bar.covered < _COVERED)


def _fast(bar: Bar, epoch: int) -> str:
    if bar.early:
        return (
            f"{bar.name} has an effect at the first epochs. Whether it lasts until epoch {epoch}, "
            f"where trials cover {100 * (bar.covered or 0):.0f} % of its range, is not seen."
        )
    return (
        f"{bar.name} has {100 * (bar.first_rung or 0):.0f} % at the first rung and "
        f"{100 * bar.share:.0f} % at epoch {epoch}, where trials cover "
        f"{100 * (bar.covered or 0):.0f} % of its range: it may only change how "
        "fast a run learns, which these trials cannot distinguish."
    )


def method(found: StudyImportance) -> tuple[str, ...]:
    """How the figures were computed."""
    main = found.main
    if main.evaluator == DEFAULT:
        explained = main.explained or 0.0
        return (
            "A Gaussian process of single effects and pairs over configuration and epoch, fitted "
            f"to {main.trials} trials at every rung that they reached, including stopped ones, "
            f"and evaluated at epoch {main.epoch}, which {main.reached} reached. It predicts "
            f"{100 * max(0.0, explained):.0f} % of the variance at the first rung of trials that "
            "it has not seen. A share is a fraction of the variance over the whole searched "
            "space: what a parameter does alone plus half of what it does in pairs. Points are "
            "the standard deviation of everything the parameter affects. Bands cover 90 %.",
        )
    how = {
        "ped-anova": f"{found.evaluator} compares the best {top_count(main.trials)} of "
        f"{main.trials} trials with a uniform sample of the space; a group has the importance of "
        f"its strongest member.",
        "fanova": f"{found.evaluator} measures how much of the variance over the space a "
        f"parameter explains by itself; a group is the sum of its members.",
        "mdi": f"{found.evaluator} measures how often, and how usefully, a random forest splits "
        f"on a parameter; a group is the sum of its members.",
    }[main.evaluator]
    return (
        f"Trials are compared at epoch {main.epoch}, each by its best value until then, "
        f"including stopped ones. Why this epoch: {found.choice.reason}.",
        f"{how} Intervals are 90 %, from {main.resamples} bootstrap resamples of the trials; a "
        f"unit is called unstable if it changes places with its neighbour in more than one "
        "resample in five.",
    )


def share_table(found: StudyImportance) -> Table:
    """The bars as numbers."""
    model = found.main.evaluator == DEFAULT
    unit = "points" if in_percent(found.metric) else "size"
    columns = [
        *texts("parameter", essential=True),
        *numbers("share, %", essential=True),
        *numbers("90 % band"),
    ]
    if model:
        columns += numbers(unit, "90 % band of it", "first rung, %", "range covered, %")
    columns += [*numbers("trials"), *texts("what is seen" if model else "order")]
    rows = []
    for bar in ordered_bars(found):
        name = f"- {bar.name}" if bar.group else bar.name
        band = f"{100 * bar.low:.0f} to {100 * bar.high:.0f}"
        cells = [name, f"{100 * bar.share:.0f}", band] if bar.measured else [name, "", ""]
        if model:
            cells += _model_cells(found, bar)
        message = ("" if bar.group else _seen(bar)) if model else "unstable" * bar.unstable
        rows.append((*cells, str(bar.trials), message))
    caption = (
        f"{found.evaluator} at epoch {found.main.epoch}. Parameters and groups add up to 100 %. "
        "Indented rows (-) are members of a group; they do not add up to it."
    )
    if model:
        caption += (
            " First rung: share at the first rung. Range covered: by trials that reached the "
            "epoch. If the first is large and the second small, a parameter may only change how "
            "fast a run learns."
        )
    return Table(columns, rows, caption)


def _model_cells(found: StudyImportance, bar: Bar) -> list[str]:
    if bar.points is None or not bar.measured:
        return ["", "", "", ""]
    size, low, high = (metric_text(value, found.metric) for value in bar.points)
    early = 100 * (bar.first_rung or 0.0)
    return [size, f"{low} to {high}", f"{early:.0f}", f"{100 * (bar.covered or 0.0):.0f}"]


def _seen(bar: Bar) -> str:
    if not bar.measured:
        return "acts too late to estimate"
    if bar.early:
        return "early effect only"
    return "effect" if bar.seen else "no effect seen"


def region_table(found: StudyImportance) -> Table:
    """Where the best trials are."""
    rows = [
        (r.name, _where(r), r.best if isinstance(r.best, str) else number(r.best))
        for r in found.regions
    ]
    return Table(
        texts("parameter", "best values in") + numbers("best trial"),
        rows,
        f"Of {best_trials_text(len(found.best))}: the middle 80 % of their values, or all if there "
        "are fewer than ten.",
    )


def effect_table(found: StudyImportance) -> Table:
    """Marginal effects as numbers, the largest first."""
    rows = []
    best_of = min if found.direction == "minimize" else max
    for marginal in sorted(found.marginals, key=lambda m: -m.swing):
        place = marginal.mean.index(best_of(marginal.mean))
        best = marginal.labels[place] if marginal.labels else number(marginal.at[place])
        low, high = (metric_text(end, found.metric) for end in marginal.swing_band)
        rows.append(
            (marginal.name, metric_text(marginal.swing, found.metric), f"{low} to {high}", best)
        )
    effect = "effect, points" if in_percent(found.metric) else "effect"
    return Table(
        texts("parameter") + numbers(effect, "90 % band", "best at"),
        rows,
        "Predicted best-to-worst change when only this parameter varies, averaged over all other "
        "parameters.",
    )


def local_table(found: StudyImportance) -> Table:
    """What each parameter gains and loses around the best trial and around the baseline."""
    arounds = list(dict.fromkeys((one.around, one.trial) for one in found.local))
    names = list(dict.fromkeys(one.name for one in found.local))
    by_place = {(one.around, one.name): one for one in found.local}
    columns: list[TableColumn] = texts("parameter", essential=True)
    for around, trial in arounds:
        title = f"{around} (trial {trial})"
        columns += numbers(f"{title}: to gain", "best at", "to lose")
    rows = []
    for name in names:
        cells = [name]
        for around, _ in arounds:
            cells += _local_cells(found, by_place.get((around, name)))
        rows.append(tuple(cells))
    unit = "points" if in_percent(found.metric) else f"units of {found.metric}"
    return Table(
        columns,
        rows,
        f"One parameter changed and all others kept, {unit}, with 90 % bands: what the best place "
        "of its range would gain, and what the worst would lose. Empty if it does not apply.",
    )


def _local_cells(found: StudyImportance, one: LocalEffect | None) -> list[str]:
    if one is None:
        return ["", "", ""]
    at = one.best_at if isinstance(one.best_at, str) else number(one.best_at)
    cells = []
    for size, low, high in (one.gain, one.loss):
        ends = f"{metric_text(low, found.metric)}, {metric_text(high, found.metric)}"
        cells.append(f"{metric_text(size, found.metric)} [{ends}]")
    return [cells[0], at if one.gain[0] > 0 else "", cells[1]]


def pair_table(found: StudyImportance) -> Table:
    """The strongest pairs as numbers."""
    unit = "points" if in_percent(found.metric) else "size"
    rows = [
        (
            f"{pair.one} and {pair.other}",
            f"{100 * pair.share:.0f}",
            f"{100 * pair.low:.0f} to {100 * pair.high:.0f}",
            metric_text(pair.points, found.metric),
            "interact" if pair.named else "no clear interaction",
        )
        for pair in found.pairs
    ]
    return Table(
        texts("pair") + numbers("share, %", "90 % band", unit) + texts(""),
        rows,
        "The six largest interactions: what two parameters do together beyond what each does "
        "alone, as a share of the whole variance.",
    )


def interaction_text(found: StudyImportance) -> str:
    """The strongest pair in a sentence."""
    if not found.pairs:
        return "There is no pair of parameters to look at together."
    pair = found.pairs[0]
    unit = " points" if in_percent(found.metric) else ""
    measured = (
        f"their interaction explains {100 * pair.share:.0f} % [{100 * pair.low:.0f}, "
        f"{100 * pair.high:.0f}] of the variance, {metric_text(pair.points, found.metric)}{unit} "
        "(standard deviation)."
    )
    if not pair.named:
        return (
            "No interaction between two parameters was found. The strongest pair is "
            f"{pair.one} and {pair.other}: {measured}"
        )
    return f"The strongest interaction is between {pair.one} and {pair.other}: {measured}"


def shown_pairs(found: StudyImportance) -> list[Pair]:
    """Pairs that are drawn: those named, else the strongest."""
    return [pair for pair in found.pairs if pair.named] or list(found.pairs[:1])


def _share(bar: Bar) -> str:
    return f"{100 * bar.share:.0f} % [{100 * bar.low:.0f}, {100 * bar.high:.0f}]"


def _whole(found: StudyImportance) -> str:
    if found.main.evaluator == DEFAULT:
        return f"variance over the space at epoch {found.main.epoch}"
    return f"importance by {found.evaluator}"


def _size(found: StudyImportance, bar: Bar) -> str:
    if bar.points is None:
        return ""
    size, low, high = (metric_text(value, found.metric) for value in bar.points)
    return f", {size}{' points' if in_percent(found.metric) else ''} [{low}, {high}]"


def _where(region: Region) -> str:
    if region.shares:
        kept = sorted(region.shares.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in kept if share > 0)
    if region.low is None:
        return "none has it"
    low, high = number(region.low), number(region.high)
    return low if low == high else f"{low} to {high}"
