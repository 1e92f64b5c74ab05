"""What importance says, in words and tables: for the terminal, the page and Markdown."""

from __future__ import annotations

from slr_tune.importance import StudyImportance
from slr_tune.importance.analysis import MIN_TRIALS
from slr_tune.importance.marginals import Region
from slr_tune.report.importance.figures import ordered_bars
from slr_tune.report.page import Table, numbers, texts
from slr_tune.text import in_percent, metric_text, number

_LEAST_JOINT = 0.05
"""Share of a pair's variance below which it is not called an interaction."""


def verdict(found: StudyImportance) -> str:
    """The one sentence."""
    units = found.main.units
    if not units:
        return found.main.warnings[0]
    first = units[0]
    if first.share == 0.0:
        return "No parameter stands out from chance at this epoch."
    measured = f"{100 * first.share:.0f} % [{100 * first.low:.0f}, {100 * first.high:.0f}]"
    if first.unstable:
        return (
            f"Not settled which parameter matters most: {first.name} leads with {measured} of the "
            f"importance, but {found.main.trials} trials do not settle its rank."
        )
    return f"{first.name} matters most: {measured} of the importance; its rank is stable."


def method(found: StudyImportance) -> tuple[str, ...]:
    """How the figures were made."""
    main = found.main
    how = {
        "ped-anova": f"{found.evaluator} asks what sets the best {main.top} of {main.trials} "
        "trials apart from all of them.",
        "fanova": f"{found.evaluator} asks how much of the variance over the space a parameter "
        "explains by itself; a group is the sum of its members.",
        "mdi": f"{found.evaluator} asks how often, and how usefully, a random forest splits on a "
        "parameter; a group is the sum of its members.",
    }[main.evaluator]
    alone = ""
    if len(found.over_rungs) < 2:
        alone = (
            f" No other rung has {MIN_TRIALS} trials, so nothing is said of how importance changes."
        )
    return (
        f"Trials are compared at epoch {main.epoch}, each by its best value until then, stopped "
        f"ones too. Why this epoch: {found.choice.reason}.{alone}",
        f"{how} What a parameter without any effect would show by chance is taken off. Intervals "
        f"are 90 %, from {main.resamples} bootstrap resamples of the trials; a unit is called "
        "unstable where it changes places with its neighbour in more than one resample in five.",
    )


def share_table(found: StudyImportance) -> Table:
    """The bars as numbers."""
    rows = [
        (
            f"- {bar.name}" if bar.group else bar.name,
            f"{100 * bar.share:.0f}",
            f"{100 * bar.low:.0f} to {100 * bar.high:.0f}",
            str(bar.trials),
            "unstable" if bar.unstable and not bar.group else "",
        )
        for bar in ordered_bars(found)
    ]
    return Table(
        [*texts("parameter"), *numbers("share, %", "90 % interval", "trials"), *texts("order")],
        rows,
        f"{found.evaluator} at epoch {found.main.epoch}. Units sum to 100 %; parts (-) are on the "
        "same scale and do not sum to their unit.",
    )


def region_table(found: StudyImportance) -> Table:
    """Where the best tenth lies."""
    rows = [
        (r.name, _where(r), r.best if isinstance(r.best, str) else number(r.best))
        for r in found.regions
    ]
    return Table(
        texts("parameter", "the best lie in") + numbers("best trial"),
        rows,
        f"The best {found.main.top} of {found.main.trials} trials at epoch {found.main.epoch}: the "
        "middle 80 % of their values, or all where they are fewer than ten.",
    )


def effect_table(found: StudyImportance) -> Table:
    """Marginal effects as numbers, the largest first."""
    rows = []
    best_of = min if found.direction == "minimize" else max
    for marginal in sorted(found.marginals, key=lambda m: -m.swing):
        place = marginal.mean.index(best_of(marginal.mean))
        best = marginal.labels[place] if marginal.labels else number(marginal.at[place])
        rows.append((marginal.name, metric_text(marginal.swing, found.metric), best))
    effect = "effect, points" if in_percent(found.metric) else "effect"
    return Table(
        texts("parameter") + numbers(effect, "best at"),
        rows,
        "Largest minus smallest expected value over the parameter's range, all else as in the "
        "trials.",
    )


def interaction_text(found: StudyImportance) -> str:
    """The pair in a sentence."""
    pair = found.interaction
    if pair is None:
        return "No pair of parameters has enough trials to be looked at together."
    share = pair.strength**2
    unit = " points" if in_percent(found.metric) else ""
    measured = (
        f"{100 * share:.0f} % of the variance over the two is neither's alone, "
        f"{metric_text(pair.points, found.metric)}{unit} (standard deviation). Looked for among "
        "the six parameters that matter most."
    )
    if share < _LEAST_JOINT:
        return (
            "No two parameters do much together that they do not do alone. The strongest pair is "
            f"{pair.one} and {pair.other}: {measured}"
        )
    return f"The pair that matters most together is {pair.one} and {pair.other}: {measured}"


def _where(region: Region) -> str:
    if region.shares:
        kept = sorted(region.shares.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in kept if share > 0)
    if region.low is None:
        return "none has it"
    return f"{number(region.low)} to {number(region.high)}"
