"""All checks of a space in order, and the quick ones that a search begins with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from slr_tune.checks import models, surroundings
from slr_tune.checks.bench import Bench
from slr_tune.checks.result import Check, Finding, run_checks
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec

_Checker = Callable[[Bench], Finding]

_QUICK: tuple[tuple[str, _Checker], ...] = (
    ("teacher checkpoint", models.teacher_checkpoint),
    ("configuration", models.configuration),
    ("modules", models.modules),
    ("architectures", models.architectures),
    ("forward pass", models.forward),
    ("loss", models.loss),
    ("disk", surroundings.disk),
)
"""The database is left out: a search opens it next, and tells more of what is wrong."""

_FULL: tuple[tuple[str, _Checker], ...] = (
    *_QUICK[:-1],
    ("data", surroundings.data),
    ("memory", surroundings.memory),
    _QUICK[-1],
    ("storage", surroundings.storage),
    ("teacher against baseline", surroundings.worth),
    ("cost", surroundings.cost),
)


def verify(spec: StudySpec, *, storage: str | None, quick: bool = False) -> list[Check]:
    """Checks all that a search needs.

    Args:
        spec: The search.
        storage: Database URL, None for the default.
        quick: Leave out what takes long: every value of the data, a step of the largest
            configuration, the comparison of teacher and student, the cost. No GPU is touched.
    """
    bench = Bench(spec, storage=storage, device="cpu" if quick else None)
    try:
        checks = [(name, partial(check, bench)) for name, check in (_QUICK if quick else _FULL)]
        return run_checks(checks)
    finally:
        bench.close()


def quick_check(spec: StudySpec, *, storage: str | None) -> str:
    """Refuses a search that cannot work; what `slr-tune run` does first.

    Returns:
        What passed, a line for a person.

    Raises:
        SlrTuneError: A check failed; all failures are listed.
    """
    checks = verify(spec, storage=storage, quick=True)
    failed = [check for check in checks if check.failed]
    if failed:
        raise SlrTuneError(
            "the search cannot work:\n" + "\n".join(map(str, failed)),
            hint=f"slr-tune verify {spec.path} checks more; --no-verify goes on regardless.",
        )
    passed = [check.name for check in checks if check.status != "SKIP"]
    return f"Checked: {', '.join(passed)}"
