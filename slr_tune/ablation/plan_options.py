"""Which ways of planning an ablation go together."""

from __future__ import annotations

from slr_tune.ablation.options import AblationOptions
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec
from trainables.registry import UNTAUGHT, run_title

DEFAULT_SEEDS = 5
"""With five the test holds in every setting that was simulated."""


NOT_UNTIL_DECIDED = ("--factorial", "--path", "--retune", "--test", "--teachers", "--orders")
"""Options that cannot be combined with `--until-decided`."""


def check_plan_options(options: AblationOptions) -> None:
    """Refuses what contradicts itself.

    Raises:
        SlrTuneError: It does.
    """
    spend, margin, teachers = options.spend, options.margin, options.teachers
    orders = options.orders
    until_decided, path, retune = options.until_decided, options.path, options.retune
    given = (
        options.factorial, path, retune is not None, options.with_test, teachers > 1, orders > 1,
    )  # fmt: skip
    other = next((name for name, one in zip(NOT_UNTIL_DECIDED, given, strict=True) if one), None)
    taught = "--path" if path else "--retune" if retune is not None else None
    faults = (
        (
            until_decided and other is not None,
            f"--until-decided cannot be combined with {other}: its looks are planned for single "
            f"arms",
            "Run one of them first, and the other with a fixed number of seeds.",
        ),
        (
            spend is not None and not until_decided,
            f"--budget {spend} has no meaning without --until-decided",
            "Add --until-decided, or give --budget a number of values with --retune.",
        ),
        (
            until_decided and spend is not None and spend.values is not None,
            f"--budget {spend}: --until-decided spends runs or time",
            "For example --budget 40runs or --budget 6h.",
        ),
        (
            margin is not None and margin <= 0,
            f"--margin {margin}: a margin must be above 0",
            "For example --margin 2 for two points of WER.",
        ),
        (
            teachers == 2,
            "--teachers 2: two teachers are too few: up to 8 of 100 studies would show a "
            "difference that does not exist",
            "Give --teachers 3 or more, or leave it out.",
        ),
        (
            teachers > 1 and taught is not None,
            f"--teachers cannot be combined with {taught}",
            "Cross teachers with the levels of a factor.",
        ),
        (
            orders > 1 and (taught is not None or teachers > 1),
            f"--orders cannot be combined with {taught or '--teachers'}",
            "Run one of them first. The runs that both need are trained once.",
        ),
    )
    for wrong, message, hint in faults:
        if wrong:
            raise SlrTuneError(message, hint=hint)


def check_teachers(spec: StudySpec) -> None:
    """Refuses several teachers where there is none that could be trained again.

    Raises:
        SlrTuneError: The run has no teacher, or it is given as a file.
    """
    if spec.trainable in UNTAUGHT or spec.teacher is None:
        raise SlrTuneError(
            f"--teachers: the run {run_title(spec.trainable)} has no teacher",
            hint="Leave out --teachers.",
        )
    if spec.teacher.kind != "train":
        raise SlrTuneError(
            f"--teachers: the teacher is a {spec.teacher.kind}, which cannot be trained again",
            hint="Use teacher: {train: teacher, settings: ...}, or leave out --teachers.",
        )
