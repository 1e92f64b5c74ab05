"""What an ablation costs with sharing, replay and decoding again, against training every run.

    python benchmarks/ablation_cost.py                      # the shipped space, 3 seeds; seconds
    python benchmarks/ablation_cost.py --seeds 5 --space search_spaces/distill.yaml

Nothing is trained: the epochs are those of the plan, if no run ends early. The same code plans for
`slr-tune ablate`, and tests hold a receipt to the epochs that were really trained. Each line adds
one saving to those above it, so that it can be seen what each is worth. The plan: temperature at
four levels (two of them steps or constants that begin alike), four sets of loss weights, three
dropouts, four patiences, and two beam widths with two weights of the language model; against a
baseline that is decoded greedily.

Goals: at most 0.55 of the naive epochs for one factor at a time, 0.10 for the full factorial.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slr_tune.ablation.arms import factorial, one_at_a_time
from slr_tune.ablation.dry_run import plan_of
from slr_tune.ablation.factors import Factor, without_terms
from slr_tune.space import StudySpec, load_spec
from slr_tune.training.kinds import Kind
from slr_tune.training.runs import Arm

GOALS = {"one factor at a time": 0.55, "full factorial": 0.10}
SHIPPED = Path(__file__).parents[1] / "search_spaces" / "distill.yaml"
TEMPERATURES = (
    {"schedule": "constant", "start": 4.0},
    {"schedule": "constant", "start": 1.0},
    {"schedule": "linear", "start": 4.0, "end": 3.0},
)
DECODERS = tuple(
    {"method": "beam", "width": width, "lm_weight": weight}
    for width in (5, 10)
    for weight in (0.3, 0.9)
)


def factors_of(spec: StudySpec) -> list[Factor]:
    """The plan's factors; the baseline's own level is one of each but the decoder's."""
    config = spec.baseline_config()
    if config is None:
        sys.exit("the space has no baseline")
    dropouts = [level for level in (0.0, 0.2, 0.4) if level != config["dropout"]][:2]
    patiences = [level for level in (4, 8, 12, 24) if level != config["patience"]][:3]
    return [
        Factor("temperature", Kind.TRAINED, TEMPERATURES),
        Factor("loss_weights", Kind.TRAINED, tuple(without_terms(config["loss_weights"]).values())),
        Factor("dropout", Kind.TRAINED, tuple(dropouts)),
        Factor("patience", Kind.STOPPING, tuple(patiences)),
        Factor("decoding", Kind.DECODING, DECODERS),
    ]


def report(name: str, arms: Sequence[Arm], seeds: int) -> float:
    """Prints the epochs of a plan, saving by saving; returns the share that is left."""
    numbers = range(seeds)
    naive = plan_of(arms, numbers, share=False).epochs_planned
    trained = {_key(arm, patience=True): arm for arm in arms}.values()
    replayed = {_key(arm, patience=False): arm for arm in trained}.values()
    steps = {
        "every arm trained by itself": naive,
        "decoded again": plan_of(list(trained), numbers, share=False).epochs_planned,
        "stopping replayed": plan_of(list(replayed), numbers, share=False).epochs_planned,
        "prefixes shared": plan_of(arms, numbers).epochs_planned,
    }
    print(f"\n{name}: {len(arms)} arms, {seeds} seeds")
    for step, epochs in steps.items():
        print(f"  {step:<28} {epochs:>8,} epochs   {epochs / naive:.3f}")
    share = steps["prefixes shared"] / naive
    print(f"  goal {GOALS[name]:.2f}: {'kept' if share <= GOALS[name] else 'MISSED'}")
    return share


def _key(arm: Arm, *, patience: bool) -> str:
    """What is trained of an arm."""
    kept = {k: v for k, v in arm.config.items() if patience or k != "patience"}
    return repr(sorted(kept.items()))


def main() -> None:
    """Prints both plans; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--space", type=Path, default=SHIPPED)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    spec = load_spec(options.space)
    config = spec.baseline_config() or {}
    factors = factors_of(spec)
    single = one_at_a_time(config, factors, trainable=spec.trainable)
    # Every cell has a decoder of the four: the greedy one is not among them.
    crossed = [a for a in factorial(config, factors, trainable=spec.trainable) if a.beam]
    plans = {"one factor at a time": single, "full factorial": crossed}
    shares = {name: report(name, arms, options.seeds) for name, arms in plans.items()}
    sys.exit(int(any(share > GOALS[name] for name, share in shares.items())))


if __name__ == "__main__":
    main()
