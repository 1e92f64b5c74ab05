"""An import in words: what maps to what, and what is left out."""

from __future__ import annotations

from slr_tune.importing.plan import ImportPlan
from slr_tune.space import MISSING, Parameter, look_up

_MOST_NAMES = 12


def plan_lines(plan: ImportPlan) -> list[str]:
    """A line each for a note, a name, a run that had to be moved, a run that is left out."""
    lines = [*plan.source.notes, *plan.measures.notes, *_name_lines(plan)]
    for run in plan.taken:
        for name, (old, new) in run.place.moved.items():
            lines.append(f"  {run.run.name}: {name} {old} moved to {new}")
    return lines + [f"  {name} left out: {reason}" for name, reason in plan.left]


def _name_lines(plan: ImportPlan) -> list[str]:
    """What the source's names mean; none of a study of ours."""
    if plan.matched is None:
        return []
    width = max(map(len, plan.matched.taken), default=0)
    lines = []
    for theirs, ours in plan.matched.taken.items():
        guess = "  (not spelt alike)" if theirs in plan.matched.guessed else ""
        lines.append(f"  {theirs:<{width}} -> {ours}{guess}")
    paths = {".".join(p.path): p for p in plan.spec.space.parameters if p.keys}
    if missing := [path for path, parameter in paths.items() if not _is_recorded(plan, parameter)]:
        lines.append(f"searched here, but not recorded by any run: {', '.join(missing)}")
    left = {k: near for k, near in plan.matched.left.items() if k not in plan.measures.used}
    if left:
        names = [f"{name} (nearest: {near})" if near else name for name, near in left.items()]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        lines.append(f"ignored, not a setting here: {', '.join(names[:_MOST_NAMES])}{more}")
    return lines


def _is_recorded(plan: ImportPlan, parameter: Parameter) -> bool:
    """Whether any run has a value of a parameter: by our name, by its keys, or once placed."""
    assert plan.matched is not None
    path = ".".join(parameter.path)
    named = (name == path or name.startswith(f"{path}.") for name in plan.matched.taken.values())
    coded = {name for run in plan.source.runs for name in run.fields}
    placed = (look_up(run.place.values, parameter.path) is not MISSING for run in plan.taken)
    return any(named) or set(parameter.keys) <= coded or any(placed)
