"""Which pieces of a study's advice contradict each other, or change nothing."""

from __future__ import annotations

import re
import shlex
from itertools import combinations

from slr_tune.report.study.next_steps import Advice, next_steps
from slr_tune.report.study.patience import study_patience
from slr_tune.report.study.study_data import StudyData


def contradictions(study: StudyData) -> list[str]:
    """Each in words; empty where there is none."""
    steps, found = next_steps(study), []
    rules = [step.rule for step in steps]
    found += [f"{rule} twice" for rule in set(rules) if rules.count(rule) > 1]
    made = [name for step in steps if (name := _option(step, "--study")) and _runs(step)]
    found += [f"two new studies called {name}" for name in set(made) if made.count(name) > 1]
    for one, other in combinations(rules, 2):
        if {one, other} in ({"longer", "blank phase"}, {"blank phase", "confirm"}):
            found.append(f"{one} and {other}")
    return found + _of_ranges(study, steps) + _of_patience(study, steps)


def _of_ranges(study: StudyData, steps: list[Advice]) -> list[str]:
    """A range to widen to what is in it already, beyond what acts, or where runs diverge."""
    found = []
    text = " ".join(step.text for step in steps)
    for step in steps:
        for key, kind, low, high in re.findall(
            r"(space\.[\w.]+)\.(float|int)=\[([^,]+), ([^\]]+)\]", step.command
        ):
            parameter = next(
                p
                for p in study.view.spec.space.parameters
                if p.kind == kind and key.endswith(".".join(p.path).split(".")[-1])
            )
            ends = float(getattr(parameter, "low", 0)), float(getattr(parameter, "high", 0))
            if float(low) >= ends[0] and float(high) <= ends[1]:
                found.append(f"{key}: widened to what it has")
            if key.endswith("patience") and float(high) > study.view.spec.budget.max_epochs:
                found.append("patience beyond the last epoch")
            if "learning_rate" in key and float(high) > ends[1] and "rate is high" in text:
                found.append("learning rates widened to where runs diverge")
    return found


def _of_patience(study: StudyData, steps: list[Advice]) -> list[str]:
    """A smaller patience beside a longer one, or beside longer runs."""
    patience = study_patience(study)
    if patience is None or patience.recommended is None:
        return []
    rules = {step.rule for step in steps}
    found = [f"patience and {rule}" for rule in ("longer", "blank phase") if rule in rules]
    wider = any("patience keeps improving at the upper" in step.text for step in steps)
    return found + ["patience smaller and wider"] * wider


def _runs(step: Advice) -> bool:
    return step.command.startswith("slr-tune run ")


def _option(step: Advice, name: str) -> str | None:
    words = shlex.split(step.command)
    return words[words.index(name) + 1] if name in words else None
