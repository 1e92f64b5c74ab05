"""Utterances a second of a distillation epoch: what the teacher cache and length batching bring.

    python benchmarks/training.py

All contestants train the shipped baseline student on the bundled sentences with one thread, with
the same model, losses and optimiser, and recognise dev at the end, as an epoch of a run does. They
take turns, one epoch each a round, after a round that is not counted. Seconds are those of the
processor, all threads of the process together, so that other work on the machine counts less:

    plain           the loop that one would write: shuffled batches padded to their longest, the
                    teacher asked live for each batch, packed LSTM kernels of PyTorch for both
    plain, fast     the same loop with this project's LSTM path, which runs padded rectangles
    length batches  slr-tune's run with the cache switched off, the teacher asked per utterance
    cache alone     batches as in plain, the teacher's outputs read from the mapped cache
    slr-tune        both, as a search runs it

The last column compares pairwise within each round against `plain`.

    python benchmarks/training.py --data-path

measures what is between the mapped files and a step on a CPU: the way of the batches that a GPU
needs too (`trainables.runs.feeding`) against reading the same batches directly, pairwise within
each round, as a share of an epoch.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from slr_tune.space import load_spec
from trainables.config import DistillConfig, TeacherConfig
from trainables.data import Dataset, prepare
from trainables.data.batch import collate
from trainables.files.checkpoint import save_checkpoint
from trainables.losses.ctc import ctc_loss
from trainables.losses.distillation import framewise_kd_loss
from trainables.losses.features import feature_matching_loss
from trainables.models import bilstm
from trainables.protocol import RunInputs
from trainables.runs.distill import DistillRun
from trainables.runs.evaluation import evaluate
from trainables.runs.supervised import TeacherRun
from trainables.teaching.frozen_teacher import FrozenTeacher, TeacherBatch
from trainables.teaching.teacher_outputs import pad

SPACE = Path(__file__).parent.parent / "search_spaces" / "distill.yaml"
TRAINED_UTTERANCES = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data-path", action="store_true", help="measure the way of the batches")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    torch.set_num_threads(1)
    if arguments.data_path:
        with tempfile.TemporaryDirectory() as folder:
            print(data_path(runs(Path(folder))[0](), rounds))
        return
    with tempfile.TemporaryDirectory() as folder:
        contestants = prepare_contestants(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds + 1):
            for name, epoch in contestants.items():
                start = time.process_time()
                epoch()
                if number:
                    seconds[name].append(time.process_time() - start)
    print(f"{rounds} rounds, one thread, median (least to most)\n")
    print(f"{'':16}{'utterances/s':>24}{'x plain':>24}")
    for name, values in seconds.items():
        speeds = [TRAINED_UTTERANCES / value for value in values]
        ratios = [plain / value for plain, value in zip(seconds["plain"], values, strict=True)]
        print(f"{name:16}{spread(speeds, 0):>24}{spread(ratios, 2):>24}")


def spread(values: list[float], digits: int) -> str:
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def runs(folder: Path) -> tuple[Callable[..., DistillRun], Dataset, Path]:
    """What makes the baseline's run at epoch 0, with other settings where given; data, teacher."""
    data = prepare({"name": "libras"}, folder)
    assert len(data.train) == TRAINED_UTTERANCES
    checkpoint = folder / "teacher.pt"
    teacher = TeacherRun(TeacherConfig(), RunInputs(data, 0, None, folder))
    teacher.run_epoch()  # its speed as a teacher does not depend on how well it is trained
    save_checkpoint(checkpoint, teacher.state_dict())
    inputs = RunInputs(data, 0, checkpoint, folder)
    config = load_spec(SPACE).baseline_config()
    assert config is not None
    settings = {**config, "max_epochs": 1000, "patience": 1000}

    def run(**changes: object) -> DistillRun:
        return DistillRun(DistillConfig.model_validate({**settings, **changes}), inputs)

    return run, data, checkpoint


def data_path(run: DistillRun, rounds: int, *, passes: int = 10) -> str:
    """Processor seconds of the ways to the same batches, and of an epoch, as text."""
    run.run_epoch()  # opens what stays open
    feed, training_set = run._placement.feed, run.training_set
    groups = training_set.groups(seed=0, epoch=2)

    def read() -> None:
        for group in groups:
            training_set.load(group, seed=0, epoch=2)

    def fed() -> None:
        with closing(feed.batches(groups, seed=0, epoch=2)) as given:
            for _ in given:
                pass

    ways = {"read": read, "fed": fed, "epoch": run.run_epoch}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 else list(ways)[::-1]:
            count = 1 if name == "epoch" else passes
            start = time.process_time()
            for _ in range(count):
                ways[name]()
            seconds[name].append((time.process_time() - start) / count)
    more = [(f - r) / e for r, f, e in zip(*seconds.values(), strict=True)]
    shares = [f / e for f, e in zip(seconds["fed"], seconds["epoch"], strict=True)]
    return (
        f"{rounds} rounds, one thread, median (least to most)\n"
        f"an epoch                          {spread(seconds['epoch'], 3)} s\n"
        f"its batches, in % of the epoch    {spread([100 * share for share in shares], 2)}\n"
        f"more than reading them directly   {spread([100 * share for share in more], 2)}"
    )


def prepare_contestants(folder: Path) -> dict[str, Callable[[], object]]:
    """Builds a run for each contestant, all from the same start."""
    run, data, checkpoint = runs(folder)
    live = FrozenTeacher(checkpoint, device=torch.device("cpu"), half=False)
    cached = run()
    cached.run_epoch()
    plain = Loop(run(), data, live=live)
    return {
        "plain": lambda: packed(plain.epoch),
        "plain, fast": Loop(run(), data, live=live).epoch,
        "length batches": run(teacher_cache=False).run_epoch,
        "cache alone": Loop(cached, data, live=None).epoch,
        "slr-tune": run().run_epoch,
    }


class PackedLayers(bilstm._Rectangles):
    """PyTorch's PackedSequence on the CPU too, layer by layer, as a plain implementation does."""

    def __init__(self, lengths: torch.Tensor, *, frames: int, device: torch.device) -> None:
        self.lengths, self.frames = lengths, frames

    def __call__(self, lstm: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        given = pack_padded_sequence(x, self.lengths, enforce_sorted=False)
        return pad_packed_sequence(lstm(given)[0], total_length=self.frames)[0]


def packed(epoch: Callable[[], object]) -> None:
    before = bilstm._Rectangles
    bilstm._Rectangles = PackedLayers
    try:
        epoch()
    finally:
        bilstm._Rectangles = before


class Loop:
    """A plain training loop around the same model and losses."""

    def __init__(self, run: DistillRun, data: Dataset, *, live: FrozenTeacher | None) -> None:
        self.run, self.data, self.live = run, data, live
        self.objective = run._loss
        self.parameters = [*run.model.parameters(), *run._helper.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=run.config.learning_rate)
        self.rng = np.random.default_rng(0)

    def epoch(self) -> None:
        config, model = self.run.config, self.run.model
        weights = config.loss_weights
        model.train()
        order = self.rng.permutation(len(self.data.train))
        for start in range(0, len(order), config.batch_size):
            batch = collate(self.data.train, order[start : start + config.batch_size])
            output = model.forward_with_hidden_states(batch.features, batch.lengths)
            answer = self.ask(batch)
            soft = framewise_kd_loss(
                output.logits,
                answer.logits,
                output.lengths,
                temperature=config.temperature.start,
                kd_blank=config.kd_blank,
            )
            hard = ctc_loss(output.log_probs, batch.targets, output.lengths, batch.target_lengths)
            pairs = self.objective._pairs
            ours = self.objective.learned([output.hidden[layer] for layer, _ in pairs])
            match = feature_matching_loss(ours, answer.hidden, output.lengths)
            self.optimizer.zero_grad()
            (weights.alpha * soft + weights.beta * hard + weights.gamma * match).backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
            self.optimizer.step()
        evaluate(model, self.data.dev, self.data.vocabulary, device=torch.device("cpu"))

    def ask(self, batch) -> TeacherBatch:  # type: ignore[no-untyped-def]
        if self.live is None:
            outputs = self.objective._outputs
            return pad(outputs, batch.indices.tolist(), device=torch.device("cpu"))
        layers = self.objective._teacher_layers
        return self.live(batch.features, batch.lengths, layers)


if __name__ == "__main__":
    main()
