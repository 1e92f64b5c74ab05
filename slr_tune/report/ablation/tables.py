"""The tables of an ablation's report, the same for every format."""

from __future__ import annotations

from collections.abc import Sequence

from slr_tune.ablation.result import AblationResult, ArmDescription, ArmRow, Receipt, ResultTable
from slr_tune.report.ablation import words
from slr_tune.report.page import Column, Table
from slr_tune.text import number

_MOST_SEEDS = 5
"""Seeds that have a column of their own in the main table; more are given as a range."""


def comparison_table(
    table: ResultTable, seeds: Sequence[int], *, marked: bool = False, per_seed: bool = True
) -> Table:
    """Arm, measure per seed, mean, difference, interval, Holm p and verdict.

    Args:
        table: The family.
        seeds: In the order of the rows' `per_seed`.
        marked: Whether a sign stands before the verdict.
        per_seed: Whether the seeds have their columns.
    """
    seeds = seeds if per_seed and any(row.per_seed for row in table.rows) else ()
    heads = [Column("arm"), *_seed_columns(seeds)]
    means = any(row.per_seed for row in table.rows)
    heads += [Column("mean, %" if words.is_wer(table) else "mean", True)] if means else []
    heads += [Column("difference", True), Column("95 % interval", True)]
    p_value = "Holm p" if words.family_size(table) > 1 else "p"
    heads += [Column(p_value, True, secondary=True), Column("verdict")]
    rows = []
    for row in table.rows:
        sign = f"{words.mark(row, table)} " if marked and row.outcome else ""
        rows.append(
            (
                row.name,
                *_seed_cells(row, table, seeds),
                *([words.value_text(row.mean, table)] if means else []),
                *words.difference_texts(row, table),
                words.p_value_text(row.holm_p),
                sign + words.outcome_text(row),
            )
        )
    return Table(heads, rows, words.caption(table), _baseline_rows(table))


def statistics_table(table: ResultTable) -> Table:
    """What else is known of each difference."""
    rows = []
    for row in table.rows:
        if row.difference is None:
            continue
        chance = row.probability_of_improvement
        rows.append(
            (
                row.name,
                words.p_value_text(row.p_value),
                words.p_value_text(row.holm_p),
                "" if chance is None else f"{100 * chance:.0f}",
                _list(row.difference_per_seed, table),
                ", ".join("-" if p is None else words.p_value_text(p) for p in row.mapsswe_p),
                _smallest(row, table),
                _more(row),
            )
        )
    heads = (
        Column("arm"),
        Column("p", True),
        Column("Holm p", True),
        Column("better, chance %", True),
        Column("difference by seed", True),
        Column("MAPSSWE p by seed", True),
        Column("smallest shown", True),
        Column("more seeds", True),
    )
    text = (
        "Better: the chance that the arm's true figure is the better one. Smallest shown: the true "
        "difference that such runs show in four studies of five, at the level that Holm's "
        "correction sets. More seeds: to show a difference as large as the one seen."
    )
    return Table(heads, rows, text)


def seeds_table(table: ResultTable, seeds: Sequence[int]) -> Table:
    """The measure of every run."""
    heads = [Column("arm"), *(Column(f"seed {seed}", True) for seed in seeds), Column("mean", True)]
    rows = [
        (
            row.name,
            *(words.value_text(value, table) for value in row.per_seed),
            words.value_text(row.mean, table),
        )
        for row in table.rows
        if row.per_seed
    ]
    text = f"Every run on {table.split}: {words.measure_name(table)}."
    return Table(heads, rows, text, _baseline_rows(table))


def errors_table(table: ResultTable) -> Table | None:
    """Substitutions, deletions and insertions; None where the measure has none."""
    rows = [
        (
            row.name,
            words.value_text(row.substitutions, table),
            words.value_text(row.deletions, table),
            words.value_text(row.insertions, table),
            words.value_text(row.mean, table),
        )
        for row in table.rows
        if row.substitutions is not None
    ]
    heads = [Column("arm")]
    heads += [Column(k, True) for k in ("substitutions", "deletions", "insertions", "WER, %")]
    text = f"Errors in percent of the reference words, means over the seeds, on {table.split}."
    return Table(heads, rows, text, _baseline_rows(table)) if rows else None


def arms_table(result: AblationResult) -> Table:
    """What each arm is, how it was made, and what its runs are like."""
    rows = []
    for facts in _arms_of_main(result):
        runs = [run for run in result.runs if (run.part, run.arm) == (facts.part, facts.name)]
        epochs = sorted({run.epochs for run in runs})
        sizes = sorted({run.parameters for run in runs if run.parameters is not None})
        span = "" if not epochs else f"{epochs[0]}"
        span += f" to {epochs[-1]}" if len(epochs) > 1 else ""
        changes = "; ".join(facts.changes) or "the baseline's settings"
        rows.append(
            (
                facts.name,
                facts.kind,
                f"{changes}. {facts.note}" if facts.note else changes,
                span,
                ", ".join(f"{size:,}" for size in sizes),
            )
        )
    heads = (
        Column("arm"),
        Column("made by"),
        Column("what differs from the baseline"),
        Column("epochs a run", True),
        Column("parameters", True),
    )
    text = (
        "Made by: trained, stopping (the same training, ended elsewhere) or decoding (the same "
        "model, decoded otherwise)."
    )
    return Table(heads, rows, text)


def retune_table(main: ResultTable, retuned: ResultTable, *, short: bool = False) -> Table:
    """The two differences of each arm side by side.

    Args:
        main: Arms with the baseline's settings.
        retuned: The same arms, each with a setting of its own.
        short: With a star for what was shown, and without what was chosen.
    """
    rows = []
    for row in main.rows:
        other = next((one for one in retuned.rows if one.name == row.name), None)
        if other is None:
            continue
        cells = [
            " ".join(words.difference_texts(*pair)) for pair in ((row, main), (other, retuned))
        ]
        verdicts = [words.outcome_text(one) for one in (row, other)]
        if short:
            shown = [one.outcome in (words.BETTER, words.WORSE) for one in (row, other)]
            cells = [cell + "*" * star for cell, star in zip(cells, shown, strict=True)]
            rows.append((row.name, *cells))
        else:
            rows.append((row.name, cells[0], verdicts[0], cells[1], verdicts[1], other.note))
    text = f"Differences in {words.unit_word(main)} with 95 % intervals, on {main.split}"
    ours, own = Column("as the baseline", True), Column("tuned for itself", True)
    if short:
        heads = [Column("arm"), ours, own]
        return Table(heads, rows, f"{text}; * shown.", _baseline_rows(main))
    verdict = Column("verdict")
    heads = [Column("arm"), ours, verdict, own, verdict, Column("chose")]
    return Table(heads, rows, f"{text}.", _baseline_rows(main))


def steps_table(result: AblationResult, table: ResultTable) -> Table:
    """The steps of the measured path."""
    rows = [
        (
            str(place),
            step.parameter,
            step.change,
            words.gain_text(step, table),
            words.value_text(step.mean, table),
            words.others_text(step.others, table),
        )
        for place, step in enumerate(result.steps, start=1)
    ]
    heads = (
        Column("step", True),
        Column("parameter"),
        Column("change"),
        Column("brought", True),
        Column(f"mean {words.measure_name(table)} after it", True),
        Column("what the others would have brought"),
    )
    text = (
        "Each step is the best of those that were left, chosen and measured by the same runs: the "
        "first ones look larger than they are."
    )
    return Table(heads, rows, text)


def stages_table(receipt: Receipt) -> Table:
    """What was trained, stage by stage."""
    rows = [
        (
            f"{stage.first}" if stage.first == stage.last else f"{stage.first} to {stage.last}",
            "; ".join(stage.runs),
            f"{stage.seconds:.1f}",
        )
        for stage in receipt.stages
    ]
    return Table((Column("epochs"), Column("for"), Column("seconds", True)), rows)


def setting_table(result: AblationResult) -> Table:
    """In which setting the result holds."""
    rows = [("Baseline", result.baseline.source), *result.setting.items()]
    if "seeds" not in (name.lower() for name in result.setting):
        rows.append(("Seeds", ", ".join(map(str, result.seeds))))
    return Table((Column("what"), Column("which")), rows)


def _arms_of_main(result: AblationResult) -> list[ArmDescription]:
    return [facts for facts in result.arms if facts.part == result.main.role]


def _baseline_rows(table: ResultTable) -> frozenset[int]:
    return frozenset(n for n, row in enumerate(table.rows) if row.name == table.baseline)


def _seed_columns(seeds: Sequence[int]) -> list[Column]:
    if len(seeds) > _MOST_SEEDS:
        return [Column(f"{len(seeds)} seeds", True, secondary=True)]
    return [Column(f"seed {seed}", True, secondary=True) for seed in seeds]


def _seed_cells(row: ArmRow, table: ResultTable, seeds: Sequence[int]) -> list[str]:
    if len(seeds) > _MOST_SEEDS:
        low, high = min(row.per_seed), max(row.per_seed)
        return [f"{words.value_text(low, table)} to {words.value_text(high, table)}"]
    return [words.value_text(value, table) for value in row.per_seed] if seeds else []


def _list(values: Sequence[float], table: ResultTable) -> str:
    return ", ".join(words.signed(value, table) for value in values)


def _smallest(row: ArmRow, table: ResultTable) -> str:
    if row.smallest_detectable is None:
        return "-"
    return (
        f"{row.smallest_detectable:.1f}" if words.is_wer(table) else number(row.smallest_detectable)
    )


def _more(row: ArmRow) -> str:
    if row.outcome not in ("not shown",):
        return ""
    return "-" if row.more_seeds is None else str(max(row.more_seeds, 1))
