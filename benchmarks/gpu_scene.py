"""What `benchmarks/gpu.py` trains: generated data, a teacher, its student, and a plain loop."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from slr_tune.training.card_use import card_watch, mean_share
from trainables.building import build_run, set_up_process
from trainables.cards import limit_memory
from trainables.config import DistillConfig, TeacherConfig
from trainables.data import Dataset, open_dataset
from trainables.data.batch import collate
from trainables.data.packing import SplitWriter, digest_of, write_index
from trainables.files.checkpoint import save_checkpoint
from trainables.losses.distillation import framewise_kd_loss
from trainables.losses.features import feature_matching_loss
from trainables.memory import peak_bytes
from trainables.models import bilstm
from trainables.protocol import RunInputs
from trainables.runs.distill import DistillRun
from trainables.runs.supervised import TeacherRun
from trainables.teaching.frozen_teacher import FrozenTeacher


@dataclass(frozen=True)
class Size:
    """How large all is.

    Attributes:
        features: Numbers in a frame, D.
        classes: Glosses and the blank.
        frames: Mean frames of an utterance, T.
        utterances: Of train; dev has 24, or a quarter of it.
        batch: Utterances of a batch.
        student: Settings of the student.
        teacher: Settings of the teacher.
        epochs: That are timed.
        sharing: Numbers of trials on one card.
    """

    features: int
    classes: int
    frames: int
    utterances: int
    batch: int
    student: dict[str, Any]
    teacher: dict[str, Any]
    epochs: int
    sharing: tuple[int, ...]


REAL = Size(
    features=1540,
    classes=1231,
    frames=140,
    utterances=960,
    batch=24,
    student={"layers": 4, "hidden": 256, "projection": 256, "subsampling": 1, "dropout": 0.4},
    teacher={"layers": 5, "hidden": 384, "projection": 384, "subsampling": 1},
    epochs=4,
    sharing=(1, 2, 4, 8),
)
"""A student of 7.47 million parameters on features like PHOENIX-2014's, a sixth of its train."""

TINY = Size(
    features=12,
    classes=9,
    frames=20,
    utterances=16,
    batch=4,
    student={"layers": 1, "hidden": 6, "projection": 6, "subsampling": 1, "dropout": 0.1},
    teacher={"layers": 1, "hidden": 8, "projection": 8, "subsampling": 1},
    epochs=1,
    sharing=(1,),
)
SMALL = Size(
    features=64,
    classes=50,
    frames=40,
    utterances=96,
    batch=12,
    student={"layers": 2, "hidden": 32, "projection": 32, "subsampling": 1, "dropout": 0.1},
    teacher={"layers": 2, "hidden": 48, "projection": 48, "subsampling": 1},
    epochs=2,
    sharing=(1, 2),
)
"""For machines without a GPU."""


@dataclass
class Scene:
    """Data and teacher on the disk, and runs over them.

    Attributes:
        size: How large all is.
        device: Where it is trained: a card, or the CPU in its place.
        folder: Holds all files.
    """

    size: Size
    device: torch.device
    folder: Path
    data: Dataset = field(init=False)
    teacher: Path = field(init=False)

    def __post_init__(self) -> None:
        """Generates the data and a teacher with its first weights, which answers as fast as any."""
        self.data = generate(self.folder / "data", self.size)
        self.teacher = self.folder / "teacher.pt"
        config = TeacherConfig(**self.size.teacher, device="cpu")
        run = TeacherRun(config, RunInputs(self.data, 0, None, self.folder))
        save_checkpoint(self.teacher, run.state_dict())

    @property
    def on_card(self) -> bool:
        """Whether there is a GPU."""
        return self.device.type == "cuda"

    def settings(self, **changes: Any) -> dict[str, Any]:
        """The student's configuration; long enough never to end by itself."""
        given = {"batch_size": self.size.batch, "device": self.device.type, **self.size.student}
        return given | {"max_epochs": 1000, "patience": 1000, **changes}

    def run(self, data: Dataset | None = None, **changes: Any) -> DistillRun:
        """The distillation at epoch 0."""
        config = DistillConfig(**self.settings(**changes))
        return DistillRun(config, RunInputs(data or self.data, 0, self.teacher, self.folder))


def generate(folder: Path, size: Size) -> Dataset:
    """Writes a packed data set of random features and glosses."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    vocabulary = ["<blank>", *(f"G{number}" for number in range(1, size.classes))]
    statistics = []
    for name, count in (
        ("train", size.utterances),
        ("dev", min(24, size.utterances // 4)),
        ("test", 1),
    ):
        with closing(SplitWriter(folder, name, vocabulary=vocabulary)) as writer:
            for number in range(count):
                length = int(size.frames * rng.uniform(0.6, 1.4))
                frames = rng.standard_normal((length, size.features), dtype=np.float32)
                glosses = rng.choice(vocabulary[1:], size=max(1, size.frames // 14))
                writer.add(f"{name}{number}", frames, glosses.tolist())
            statistics.append(writer.finish())
    write_index(
        Dataset(
            folder=folder,
            name="generated",
            hash=digest_of([size.features, size.classes, size.frames, size.utterances]),
            vocabulary=tuple(vocabulary),
            feature_size=size.features,
            spec={"name": "generated"},
            warnings=(),
            statistics=tuple(statistics),
            facts={},
        )
    )
    return open_dataset(folder)


class LayerByLayer:
    """Packs before each layer and unpacks after it, as a plain implementation does."""

    def __init__(self, lengths: torch.Tensor, *, frames: int, device: torch.device) -> None:
        self.lengths, self.frames = lengths.cpu(), frames

    def enter(self, x: torch.Tensor) -> torch.Tensor:
        return x

    leave = enter

    def __call__(self, lstm: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        given = pack_padded_sequence(x, self.lengths, enforce_sorted=False)
        return pad_packed_sequence(lstm(given)[0], total_length=self.frames)[0]


class PlainLoop:
    """The loop that one would write: shuffled padded batches, a live teacher, torch's defaults."""

    def __init__(self, scene: Scene) -> None:
        self.run = scene.run(teacher_cache=False)
        self.data, self.device = scene.data, scene.device
        self.teacher = FrozenTeacher(scene.teacher, device=scene.device, half=False)
        self.parameters = [*self.run.model.parameters(), *self.run._helper.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-3)
        self.rng = np.random.default_rng(0)

    def epoch(self) -> float:
        """Trains on every utterance once; returns the mean loss of a batch."""
        kinds = bilstm._Packed, bilstm._Rectangles
        bilstm._Packed = bilstm._Rectangles = LayerByLayer  # type: ignore[assignment, misc]
        try:
            self.run.model.train()
            order = self.rng.permutation(len(self.data.train))
            size = self.run.config.batch_size
            losses = [
                self._step(order[start : start + size]) for start in range(0, len(order), size)
            ]
        finally:
            bilstm._Packed, bilstm._Rectangles = kinds  # type: ignore[misc]
        return sum(losses) / len(losses)

    def _step(self, indices: np.ndarray[Any, Any]) -> float:
        config, loss = self.run.config, self.run._loss
        batch = collate(self.data.train, indices)
        features, targets = batch.features.to(self.device), batch.targets.to(self.device)
        output = self.run.model.forward_with_hidden_states(features, batch.lengths)
        pairs = loss._pairs  # type: ignore[attr-defined]
        answer = self.teacher(features, batch.lengths, [layer for _, layer in pairs])
        soft = framewise_kd_loss(
            output.logits, answer.logits, output.lengths, temperature=config.temperature.start
        )
        hard = functional.ctc_loss(output.log_probs, targets, output.lengths, batch.target_lengths)
        ours = self.run._helper([output.hidden[layer] for layer, _ in pairs])
        match = feature_matching_loss(ours, answer.hidden, output.lengths)
        weights = config.loss_weights
        total = weights.alpha * soft + weights.beta * hard + weights.gamma * match
        self.optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, config.clip_norm or 5.0)
        self.optimizer.step()
        return float(total.detach())


@dataclass(frozen=True)
class Speed:
    """What a number of trials side by side did.

    Attributes:
        utterances: Per second, all trials together.
        peak: Largest memory of one trial, bytes: torch's on a card, the process's on a CPU.
        busy: Share of the time that the card was at work; None where nobody says.
    """

    utterances: float
    peak: int
    busy: float | None


def plain_speed(scene: Scene) -> Speed:
    """Of the plain loop, in this process, after an epoch that is not counted."""
    loop = PlainLoop(scene)
    loop.epoch()
    with card_watch() as looks:
        started = time.perf_counter()
        for _ in range(scene.size.epochs):
            loop.epoch()
        seconds = time.perf_counter() - started
    trained = scene.size.epochs * scene.size.utterances
    return Speed(trained / seconds, peak_bytes(scene.device), mean_share(looks))


def side_by_side(scene: Scene, trials: int, *, here: bool = False) -> Speed:
    """Of trials that share the card, each in a process of its own as in a search.

    Args:
        scene: What they train.
        trials: How many.
        here: Train the only one in this process.
    """
    job = partial(
        _trial, scene.data.folder, scene.teacher, scene.folder, scene.settings(), scene.size.epochs
    )
    context = multiprocessing.get_context("spawn")
    gpus = 1 / trials if scene.on_card else None
    if here:
        found = [job(None, None)]
        return Speed(_rate(found, scene), max(peak for _, _, peak in found), None)
    barrier, answers = context.Barrier(trials + 1), context.Queue()
    processes = [
        context.Process(target=_tell, args=(answers, job, barrier, gpus)) for _ in range(trials)
    ]
    for process in processes:
        process.start()
    try:
        barrier.wait(timeout=120.0)
        with card_watch() as looks:
            found = [answers.get(timeout=120.0) for _ in processes]
    finally:
        for process in processes:
            process.join(timeout=20.0)
            process.kill()
    return Speed(_rate(found, scene), max(peak for _, _, peak in found), mean_share(looks))


def _rate(found: list[tuple[float, float, int]], scene: Scene) -> float:
    seconds = max(end for _, end, _ in found) - min(start for start, _, _ in found)
    return len(found) * scene.size.epochs * scene.size.utterances / seconds


def _tell(answers: Any, job: Any, barrier: Any, gpus: float | None) -> None:
    """A process's main: a failure breaks the barrier, which tells the others."""
    try:
        answers.put(job(barrier, gpus))
    except BaseException:
        barrier.abort()
        raise


def _trial(
    data: Path,
    teacher: Path,
    cache: Path,
    settings: dict[str, Any],
    epochs: int,
    barrier: Any,
    gpus: float | None,
) -> tuple[float, float, int]:
    """Start and end of the timed epochs, and the peak of the memory."""
    set_up_process(None, gpus)
    limit_memory()
    run = build_run("distill", settings, data=data, seed=0, cache=cache, teacher=teacher)
    run.run_epoch()  # brings the data to the card
    if barrier is not None:
        barrier.wait(timeout=120.0)
    started = time.time()
    for _ in range(epochs):
        run.run_epoch()
    ended = time.time()
    return started, ended, int(run.facts()["peak_memory_bytes"])
