"""What went wrong: failed trials with their reasons, and red flags on the curves."""

from __future__ import annotations

from collections import defaultdict

from slr_tune.report.page import WRITTEN, Part, Table, numbers, texts
from slr_tune.report.study.study_data import StudyData, TrialData
from slr_tune.study.commands import command_line
from slr_tune.text import error_summary, span

_MOST_ROWS = 200
_MOST_NUMBERS = 8

MEANINGS = {
    "nan": "the loss or a value became NaN or infinite",
    "oom": "out of memory, even after the batch was halved",
    "error": "the run raised an error",
    "timeout": "no epoch finished in time",
    "killed": "its worker died repeatedly",
    "aborted": "stopped by the user, or never started",
}


def failures_part(study: StudyData) -> Part | None:
    """None where no trial failed."""
    failed = [trial for trial in study.trials if trial.ending == "failed"]
    if not failed:
        return None
    groups: dict[tuple[str, str], list[TrialData]] = defaultdict(list)
    for trial in failed:
        groups[trial.reason, error_summary(trial.record.error)].append(trial)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    command = command_line("show", study.view.spec.study, options={"--trial": "N"})
    heads = texts("reason") + numbers("trials") + texts("which") + numbers("after epochs")
    table = Table(
        heads + texts("error"),
        [
            (
                reason,
                f"{len(members):,}",
                trial_numbers(members),
                span(min(t.epochs for t in members), max(t.epochs for t in members)),
                message or MEANINGS.get(reason, ""),
            )
            for (reason, message), members in ordered[:_MOST_ROWS]
        ],
        f"{command} has the whole error.",
    )
    share = 100 * len(failed) / len(study.trials)
    text = f"{len(failed):,} of {len(study.trials):,} trials failed, {share:.0f} %. "
    text += "A failed trial has no value, and the sampler does not learn from it."
    return Part("Failures", [text, table], formats=WRITTEN)


def flags_part(study: StudyData) -> Part | None:
    """None where no curve was read."""
    read = [trial for trial in study.trials if trial.curve]
    if not read:
        return None
    by_name: dict[str, list[TrialData]] = defaultdict(list)
    for trial in read:
        for flag in trial.flags:
            by_name[flag.name].append(trial)
    if not by_name:
        none = f"None on the curves of {len(read):,} trials."
        return Part("Red flags", [none], formats=WRITTEN)
    summary = Table(
        [*texts("flag"), *numbers("trials"), *texts("which", "for example")],
        [
            (name, f"{len(members):,}", trial_numbers(members), _example(name, members))
            for name, members in sorted(by_name.items(), key=lambda item: -len(item[1]))
        ],
        "slr-tune diagnose looks at a checkpoint in depth.",
    )
    flagged = [trial for trial in read if trial.flags]
    text = (
        f"{len(flagged):,} of {len(read):,} trials show signs of a run gone wrong. In a trial "
        f"that was stopped or failed this is expected; in one of the best it needs a look."
    )
    leaders = {trial.number for trial in study.leaders}
    worth = [trial for trial in flagged if trial.number in leaders or trial.complete]
    rows = [
        (str(trial.number), trial.reason, str(flag.epoch), flag.name, flag.text)
        for trial in worth
        for flag in trial.flags
    ]
    tables = [summary]
    if rows:
        columns = numbers("trial") + texts("ended by") + numbers("from epoch")
        columns += texts("flag", "seen")
        caption = "Trials that ran to their end, or are among the best"
        caption += f"; the first {_MOST_ROWS}." if len(rows) > _MOST_ROWS else "."
        tables.append(Table(columns, rows[:_MOST_ROWS], caption))
    return Part("Red flags", [text, *tables], formats=WRITTEN)


def trial_numbers(members: list[TrialData]) -> str:
    """Trials' numbers, a few of many."""
    message = ", ".join(str(trial.number) for trial in members[:_MOST_NUMBERS])
    return message + (
        f" and {len(members) - _MOST_NUMBERS:,} more" if members[_MOST_NUMBERS:] else ""
    )


def _example(name: str, members: list[TrialData]) -> str:
    seen = next(flag.text for flag in members[0].flags if flag.name == name)
    return f"trial {members[0].number}: {seen}"
