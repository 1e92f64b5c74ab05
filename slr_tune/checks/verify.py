"""All checks of a space in order, and the quick ones that a search begins with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

from slr_tune.checks import environment_checks, memory_check, model_checks, own_run_checks
from slr_tune.checks.estimate import Estimate, estimate, estimate_text
from slr_tune.checks.result import Check, Finding, run_checks
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec

_Checker = Callable[[CheckInputs], Finding]

_QUICK: tuple[tuple[str, _Checker], ...] = (
    ("teacher checkpoint", model_checks.teacher_checkpoint),
    ("configuration", model_checks.configuration),
    ("modules", model_checks.modules),
    ("architectures", model_checks.architectures),
    ("forward pass", model_checks.forward),
    ("loss", model_checks.loss),
    ("disk", environment_checks.disk),
)
"""The database is left out: a search opens it next, and reports more of what is wrong."""

_FULL: tuple[tuple[str, _Checker], ...] = (
    *_QUICK[:-1],
    ("data", environment_checks.data),
    ("memory", memory_check.memory),
    _QUICK[-1],
    ("storage", environment_checks.storage),
    ("teacher against baseline", environment_checks.worth),
    ("cost", environment_checks.cost),
)


_OWN: tuple[tuple[str, Callable[[own_run_checks.OwnRunCheck], Finding]], ...] = (
    ("options", own_run_checks.options),
    ("seed", own_run_checks.seed),
    ("first epoch", own_run_checks.first_epoch),
    ("resume", own_run_checks.state),
    ("cost", own_run_checks.cost),
)
"""Of a custom run, in place of what looks inside of a built-in one."""
_INSIDE = ("architectures", "forward pass", "loss", "memory", "teacher against baseline", "cost")


def verify(
    spec: StudySpec, *, storage: str | None, quick: bool = False, cluster: bool = False
) -> list[Check]:
    """Checks all that a search needs.

    Args:
        spec: The search.
        storage: Database URL, None for the default.
        quick: Leave out what takes long: every value of the data, a step of the largest
            configuration, the comparison of teacher and student, the cost. No GPU is touched. A
            custom run is not started.
        cluster: The search is to run elsewhere: this machine's CPUs and GPUs do not count.
    """
    device = "cpu" if quick else None
    with closing(CheckInputs(spec, storage=storage, device=device, cluster=cluster)) as inputs:
        checks = [(name, partial(check, inputs)) for name, check in (_QUICK if quick else _FULL)]
        if not inputs.built_in and not quick:
            own = own_run_checks.OwnRunCheck(inputs)
            checks = [(name, check) for name, check in checks if name not in _INSIDE]
            checks += [(name, partial(check, own)) for name, check in _OWN]
        return run_checks(checks)


def quick_check(spec: StudySpec, *, storage: str | None, cluster: bool = False) -> str:
    """Refuses a search that cannot work; what `slr-tune run` does first.

    Returns:
        What passed, a line for a person.

    Raises:
        SlrTuneError: A check failed; all failures are listed.
    """
    checks = verify(spec, storage=storage, quick=True, cluster=cluster)
    failed = [check for check in checks if check.failed]
    if failed:
        raise SlrTuneError(
            "the search cannot work:\n" + "\n".join(map(str, failed)),
            hint=f"slr-tune verify {spec.path} checks more; --no-verify skips these checks.",
        )
    passed = [check.name for check in checks if check.status != "SKIP"]
    return f"Checked: {', '.join(passed)}"


def estimate_report(spec: StudySpec, *, storage: str | None, cluster: bool) -> tuple[str, Any]:
    """The estimate of `verify`, for a dry run: in words, and for a script.

    Returns:
        The text, and the figures; where there are none, why, and None.

    Raises:
        SlrTuneError: Not one trial fits this machine.
    """
    with closing(CheckInputs(spec, storage=storage, device=None, cluster=cluster)) as inputs:
        found: list[Estimate] = []
        assert inputs.workers  # raises where none fits

        def made() -> Finding:
            found.append(estimate(inputs))
            return "PASS", estimate_text(inputs, found[0]), ""

        (check,) = run_checks([("cost", made)])
        if not found:
            way = "" if inputs.built_in else "; slr-tune verify measures two epochs of it"
            return f"not known: {check.found.removeprefix('left out: ')}{way}", None
        return check.found, found[0].to_json()
