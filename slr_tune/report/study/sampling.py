"""Which trials a figure shows where there are more than an eye, or a browser, can take."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from slr_tune.report.study.facts import StudyFacts, TrialFacts


def shown(
    facts: StudyFacts, trials: Sequence[TrialFacts], most: int, *, keep: Collection[int] = ()
) -> list[TrialFacts]:
    """All of them up to `most`; beyond that the leaders, the baseline, and the others thinned out.

    Args:
        facts: The study.
        trials: To choose from.
        most: So many at most, but for those kept.
        keep: Numbers of trials that are always shown.
    """
    if len(trials) <= most:
        return list(trials)
    always = {trial.number for trial in facts.leaders[: most // 2]} | set(keep)
    always |= {trial.number for trial in (facts.best, facts.baseline) if trial is not None}
    others = [trial for trial in trials if trial.number not in always]
    step = len(others) / most
    thinned = {others[int(place * step)].number for place in range(most)}
    return [trial for trial in trials if trial.number in always | thinned]


def thinning_note(shown_count: int, count: int) -> str:
    """A sentence for a figure that does not show everything; empty where it does."""
    if shown_count >= count:
        return ""
    return f"Of {count:,} trials {shown_count:,} are drawn: the best, and the others at even gaps."
