"""The tables of an ablation's report, the same for every format."""

from __future__ import annotations

from collections.abc import Sequence

from slr_tune.ablation.result import AblationResult, ArmRow, Receipt, ResultTable
from slr_tune.report.ablation import sentences
from slr_tune.report.ablation.sentences import p_value_text, signed, value_text
from slr_tune.report.page import Table, TableColumn, numbers, texts
from slr_tune.text import number, span

_MOST_SEEDS = 5
"""Seeds that have a column of their own in the main table; more are given as a range."""


def comparison_table(
    table: ResultTable, seeds: Sequence[int], *, marked: bool = False, per_seed: bool = True
) -> Table:
    """Arm, measure per seed, mean, difference, interval, Holm p and verdict.

    Args:
        table: The family.
        seeds: In the order of the rows' `per_seed`.
        marked: Whether a sign precedes the verdict.
        per_seed: Whether the seeds have their columns.
    """
    means = any(row.per_seed for row in table.rows)
    seeds = seeds if per_seed and means else ()
    mean = "mean, %" if sentences.is_wer(table) else "mean"
    heads = texts("arm") + _seed_columns(seeds)
    heads += numbers(*[mean] * means, secondary=True)
    heads += numbers("difference", _interval_heading(table))
    heads += numbers(_p_heading(table), secondary=True)
    heads += texts("verdict", pinned=True)
    rows = [
        (
            row.name,
            *_seed_cells(row, table, seeds),
            *[value_text(row.mean, table)] * means,
            *sentences.difference_texts(row, table),
            p_value_text(row.holm_p),
            (f"{sentences.mark(row, table)} " if marked and row.outcome else "")
            + sentences.outcome_text(row, table),
        )
        for row in table.rows
    ]
    return Table(heads, rows, sentences.caption(table), _baseline_rows(table))


def printed_table(table: ResultTable) -> Table:
    """The same for a terminal: all seeds in one column, a WER's differences to two decimals."""
    means = any(row.per_seed for row in table.rows)
    each = "run" if table.orders > 1 else "seed"
    runs = [f"{table.measure}, each {each}", "mean"] * means
    heads = [
        *texts("arm", essential=True),
        *numbers(*runs),
        *numbers("difference", essential=True),
        *numbers(_interval_heading(table), _p_heading(table)),
        *texts("verdict", essential=True),
    ]
    rows = []
    for row in table.rows:
        each = " ".join(_run_text(row, place, table) for place in range(len(row.per_seed)))
        known = row.difference is not None and row.low is not None and row.high is not None
        ends = [exact_difference(end, table) for end in (row.low, row.high)] if known else []
        rows.append(
            (
                f"{row.name} ({row.note})" if row.note else row.name,
                *[each, value_text(row.mean, table)] * means,
                exact_difference(row.difference, table),
                f"[{', '.join(ends)}]" if known else "",
                "" if row.difference is None else p_value_text(row.holm_p),
                "baseline" if row.difference is None else sentences.outcome_text(row, table),
            )
        )
    return Table(heads, rows)


def exact_difference(value: float | None, table: ResultTable) -> str:
    """A difference, of a WER to two decimals; empty without one."""
    if value is None:
        return ""
    return f"{value:+.2f}" if sentences.is_wer(table) else signed(value, table)


def statistics_table(table: ResultTable) -> Table:
    """What else is known of each difference."""
    rows = [
        (
            row.name,
            p_value_text(row.p_value),
            p_value_text(row.holm_p),
            "" if (chance := row.probability_of_improvement) is None else f"{100 * chance:.0f}",
            ", ".join(signed(value, table) for value in row.difference_per_seed),
            ", ".join("-" if p is None else p_value_text(p) for p in row.mapsswe_p),
            _smallest(row, table),
            _more(row),
        )
        for row in sentences.compared(table)
    ]
    heads = texts("arm") + numbers("p", "Holm p", "better, chance %", "difference by seed")
    heads += numbers("MAPSSWE p by seed", "smallest shown", "more seeds")
    text = (
        "Better: the probability that the arm is truly better. Smallest shown: the true "
        "difference that such runs show in four studies of five, after Holm's correction. More "
        "seeds: how many show it with a chance of 80 %, if the true difference is as large as "
        "the one seen."
    )
    return Table(heads, rows, text)


def seeds_table(table: ResultTable, seeds: Sequence[int]) -> Table:
    """The measure of every run."""
    heads = texts("arm") + numbers(*_seed_names(seeds), "mean")
    rows = [
        (
            row.name,
            *(_run_text(row, place, table) for place in range(len(row.per_seed))),
            *[""] * (len(seeds) - len(row.per_seed)),
            value_text(row.mean, table),
        )
        for row in table.rows
        if row.per_seed
    ]
    text = f"Every run on {table.split}: {sentences.measure_name(table)}."
    return Table(heads, rows, text, _baseline_rows(table))


def errors_table(table: ResultTable) -> Table | None:
    """Substitutions, deletions and insertions; None where the measure has none."""
    rows = []
    for row in table.rows:
        if row.substitutions is not None:
            shares = (row.substitutions, row.deletions, row.insertions, row.mean)
            rows.append((row.name, *(value_text(share, table) for share in shares)))
    heads = texts("arm") + numbers("substitutions", "deletions", "insertions", "WER, %")
    text = f"Errors in percent of the reference words, means over the seeds, on {table.split}."
    return Table(heads, rows, text, _baseline_rows(table)) if rows else None


def arms_table(result: AblationResult) -> Table:
    """What each arm is, how it was made, and what its runs are like."""
    rows = []
    for arm in result.arms:
        if arm.part != result.main.role:
            continue
        runs = [run for run in result.runs if (run.part, run.arm) == (arm.part, arm.name)]
        epochs = sorted({run.epochs for run in runs})
        sizes = sorted({run.parameters for run in runs if run.parameters is not None})
        changes = "; ".join(arm.changes) or "the baseline's settings"
        rows.append(
            (
                arm.name,
                arm.kind,
                f"{changes}. {arm.note}" if arm.note else changes,
                span(epochs[0], epochs[-1]) if epochs else "",
                ", ".join(f"{size:,}" for size in sizes),
            )
        )
    heads = texts("arm", "made by", "what differs from the baseline")
    text = (
        "Made by: trained, stopping (the same training, ended at another epoch) or decoding (the "
        "same model, decoded differently)."
    )
    return Table([*heads, *numbers("epochs a run", "parameters")], rows, text)


def retune_table(main: ResultTable, retuned: ResultTable, *, short: bool = False) -> Table:
    """The two differences of each arm side by side.

    Args:
        main: Arms with the baseline's settings.
        retuned: The same arms, each with a setting of its own.
        short: With a star for what was shown, and without what was chosen.
    """
    rows: list[tuple[str, ...]] = []
    for row, other in sentences.pairs(main, retuned):
        before, after = (
            " ".join(sentences.difference_texts(*pair)) for pair in ((row, main), (other, retuned))
        )
        if short:
            one, two = ("*" * sentences.is_shown(arm) for arm in (row, other))
            rows.append((row.name, before + one, after + two))
        else:
            rows.append((row.name, before, _outcome(row), after, _outcome(other), other.note))
    text = f"Differences in {sentences.unit_word(main)} with 95 % intervals, on {main.split}"
    ours, own = numbers("as the baseline", "tuned for itself")
    if short:
        return Table([*texts("arm"), ours, own], rows, f"{text}; * shown.", _baseline_rows(main))
    heads = [*texts("arm"), ours, *texts("verdict"), own, *texts("verdict", "chose")]
    return Table(heads, rows, f"{text}.", _baseline_rows(main))


def steps_table(result: AblationResult, table: ResultTable) -> Table:
    """The steps of the measured path."""
    rows = [
        (
            str(place),
            step.parameter,
            step.change,
            signed(step.gain, table),
            value_text(step.mean, table),
            sentences.others_text(step.others, table),
        )
        for place, step in enumerate(result.steps, start=1)
    ]
    heads = numbers("step") + texts("parameter", "change")
    heads += numbers("brought", f"mean {sentences.measure_name(table)} after it")
    heads += texts("gain of the other candidates")
    text = (
        "Each step is the best of the remaining ones, chosen and measured on the same runs, so "
        "the first ones look larger than they are."
    )
    return Table(heads, rows, text)


def stages_table(receipt: Receipt) -> Table:
    """What was trained, stage by stage."""
    rows = [
        (span(stage.first, stage.last), "; ".join(stage.runs), f"{stage.seconds:.1f}")
        for stage in receipt.stages
    ]
    return Table(texts("epochs", "for") + numbers("seconds"), rows)


def setting_table(result: AblationResult) -> Table:
    """In which setting the result holds."""
    rows = [("Baseline", result.baseline.source), *result.setting.items()]
    if "seeds" not in (name.lower() for name in result.setting):
        rows.append(("Seeds", ", ".join(map(str, dict.fromkeys(result.seeds)))))
    return Table(texts("what", "which"), rows)


def _baseline_rows(table: ResultTable) -> frozenset[int]:
    return frozenset(n for n, row in enumerate(table.rows) if row.name == table.baseline)


def _p_heading(table: ResultTable) -> str:
    return "Holm p" if sentences.family_size(table) > 1 else "p"


def _outcome(row: ArmRow) -> str:
    return row.outcome or "baseline"


def _seed_names(seeds: Sequence[int]) -> list[str]:
    """`seed 1000`; `seed 1000, order 2` where a seed has several orders of the data."""
    names = []
    for place, seed in enumerate(seeds):
        several = list(seeds).count(seed) > 1
        order = f", order {1 + list(seeds[:place]).count(seed)}" if several else ""
        names.append(f"seed {seed}{order}")
    return names


def _seed_columns(seeds: Sequence[int]) -> list[TableColumn]:
    if len(seeds) > _MOST_SEEDS:
        what = "seeds" if len(set(seeds)) == len(seeds) else "runs"
        return numbers(f"{len(seeds)} {what}", secondary=True)
    return numbers(*_seed_names(seeds), secondary=True)


def _seed_cells(row: ArmRow, table: ResultTable, seeds: Sequence[int]) -> list[str]:
    if len(seeds) > _MOST_SEEDS:
        low, high = min(row.per_seed), max(row.per_seed)
        return [f"{value_text(low, table)} to {value_text(high, table)}"]
    cells = [_run_text(row, place, table) for place in range(len(row.per_seed))]
    return [*cells, *[""] * (len(seeds) - len(cells))] if seeds else []


def _run_text(row: ArmRow, place: int, table: ResultTable) -> str:
    """A run's measure, marked where it collapsed."""
    fallen = sentences.COLLAPSED if place in row.collapsed else ""
    return value_text(row.per_seed[place], table) + fallen


def _interval_heading(table: ResultTable) -> str:
    corrected = any(row.level > 0.95 for row in table.rows)
    return "corrected interval" if corrected else "95 % interval"


def _smallest(row: ArmRow, table: ResultTable) -> str:
    smallest = row.smallest_detectable
    if smallest is None or not sentences.is_wer(table):
        return number(smallest)
    return f"{smallest:.1f}"


def _more(row: ArmRow) -> str:
    if row.outcome not in ("no clear difference", "inconclusive"):
        return ""
    return "-" if row.more_seeds is None else str(max(row.more_seeds, 1))
