"""What the checks of a space share, made when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from slr_tune.checks.largest_config import largest_config
from slr_tune.checks.result import Unavailable
from slr_tune.space import Point, StudySpec
from slr_tune.study.folders import cache_root
from slr_tune.training.scratch import scratch_folder
from slr_tune.training.teacher import known_trainings
from slr_tune.training.workers import workers_here
from trainables.building import build_run
from trainables.data import Dataset, prepare
from trainables.data.subset import subset
from trainables.errors import ConfigError
from trainables.files.checkpoint import save_checkpoint
from trainables.files.stored_model import StoredModel, load_model
from trainables.registry import BUILT_IN_NAMES, config_class, run_title
from trainables.runs.ctc_run import CtcRun
from trainables.runs.optimisation import choose_device
from trainables.teaching.soft_targets import SoftTargets


class CheckInputs:
    """The space, its data, its teacher, and small runs of it."""

    def __init__(
        self, spec: StudySpec, *, storage: str | None, device: str | None, cluster: bool = False
    ) -> None:
        """Makes nothing yet.

        Args:
            spec: The search.
            storage: Database URL, None for the default.
            device: Where to try runs, over the space's setting; None leaves that.
            cluster: The search is to run on another machine than this.
        """
        self.spec = spec
        self.storage = storage
        self.cluster = cluster
        self._device = device
        self._open = ExitStack()
        self._scratch = self._open.enter_context(scratch_folder())

    @property
    def scratch(self) -> Path:
        """Folder that goes away with these inputs."""
        return self._scratch

    def close(self) -> None:
        """Removes what was written."""
        self._open.close()

    @property
    def built_in(self) -> bool:
        """Whether the run is one of this project's, whose inside is known."""
        return self.spec.trainable in BUILT_IN_NAMES

    def needs_built_in(self) -> None:
        """For checks that look inside of a run.

        Raises:
            Unavailable: The run is a custom one.
        """
        if not self.built_in:
            raise Unavailable(f"the inside of {run_title(self.spec.trainable)} is not known")

    @cached_property
    def data(self) -> Dataset:
        """The prepared data."""
        if not self.spec.data:
            raise Unavailable("the space has no data")
        return prepare(self.spec.data, cache_root())

    @cached_property
    def config(self) -> dict[str, Any]:
        """The baseline's configuration; the middle of the space where there is none."""
        baseline = self.spec.baseline_config()
        if baseline is not None:
            return baseline
        return self.spec.config_for(self.spec.space.suggest(Point({})))

    @cached_property
    def workers(self) -> int:
        """Trials side by side on this machine; on a cluster those that are requested, else one.

        Raises:
            SlrTuneError: Not even one fits.
        """
        if self.cluster:
            asked = self.spec.resources.workers
            return 1 if asked == "auto" else asked
        return workers_here(self.spec.resources)

    @cached_property
    def largest(self) -> dict[str, Any]:
        """The configuration that needs the most memory."""
        return largest_config(self.spec, self.data)

    @cached_property
    def trained(self) -> tuple[Path | None, Path | None]:
        """Checkpoints of the teacher and of the reference student, as far as there are any."""
        return known_trainings(self.spec, self.data, storage=self.storage)

    @cached_property
    def teacher_config(self) -> dict[str, Any]:
        """Settings of a teacher that is not there: only one that is to be trained may not be."""
        teacher = self.spec.teacher
        assert teacher is not None and teacher.kind == "train"
        model = config_class(teacher.value)
        return model.model_validate(teacher.settings).model_dump(mode="json")

    @cached_property
    def teacher_file(self) -> Path | None:
        """The teacher's checkpoint; where it is not trained yet, one of its first weights."""
        if self.spec.teacher is None:
            return None
        known = self.trained[0]
        if known is not None:
            return known
        run = self.build_run(self.spec.teacher.value, self.teacher_config, self.few, teacher=None)
        path = self._scratch / "teacher.pt"
        save_checkpoint(path, run.state_dict())
        return path

    @property
    def taught_by_files(self) -> bool:
        """Whether the teacher is there as soft targets alone."""
        return self.spec.teacher is not None and self.spec.teacher.kind == "soft_targets"

    @cached_property
    def soft_targets(self) -> SoftTargets:
        """The teacher's soft targets, of the whole of train."""
        if self.teacher_file is None or not self.taught_by_files:
            raise Unavailable("the space has no soft targets")
        targets = SoftTargets(self.teacher_file)
        targets.check_data(self.data)
        return targets

    @cached_property
    def teacher(self) -> StoredModel:
        """The teacher."""
        if self.teacher_file is None:
            raise Unavailable("the space has no teacher")
        if self.taught_by_files:
            raise Unavailable("only the teacher's soft targets are available")
        return load_model(self.teacher_file)

    @cached_property
    def few(self) -> Dataset:
        """The first two utterances that CTC can align at the baseline's frame rate, or any two."""
        train = self.data.train
        needed = train.frames_needed * int(self.config.get("subsampling", 1))
        order = np.argsort(train.lengths < needed, kind="stable")
        return self.chosen(order[:2])

    @property
    def alignable(self) -> NDArray[np.int64]:
        """Training utterances that CTC can align at the baseline's frame rate."""
        train = self.data.train
        frames = -(-train.lengths // int(self.config["subsampling"]))
        return np.flatnonzero(frames >= train.frames_needed)

    def chosen(self, train: NDArray[np.int64], dev: int = 2) -> Dataset:
        """Some training utterances, and the first of dev."""
        return subset(self.data, train=train, dev=np.arange(min(dev, len(self.data.dev))))

    def device_of(self, config: Mapping[str, Any]) -> torch.device:
        """Where a run of a configuration is tried: what no worker would see is not used here.

        Raises:
            ConfigError: It asks for a GPU, and its trials would have none.
        """
        return choose_device(self._device_name(config))

    def _device_name(self, config: Mapping[str, Any]) -> str:
        wanted = self._device or str(config.get("device", "auto"))
        if self._device is not None or self.spec.resources.gpus_per_trial != 0:
            return wanted
        if wanted == "cuda":
            raise ConfigError(
                "device: cuda, but resources.gpus_per_trial is 0: no trial would see a GPU",
                hint="Set resources.gpus_per_trial to 1, or leave device at auto.",
            )
        return "cpu"

    def build(self, config: Mapping[str, Any], data: Dataset) -> CtcRun:
        """The space's run at epoch 0."""
        return self.build_run(self.spec.trainable, config, data, teacher=self.teacher_file)

    def build_run(
        self, trainable: str, config: Mapping[str, Any], data: Dataset, *, teacher: Path | None
    ) -> CtcRun:
        """A run at epoch 0; the files that it writes go away with these inputs."""
        run = build_run(
            trainable,
            {**config, "device": self._device_name(config)},
            data=data,
            seed=self.spec.seed,
            cache=self._scratch,
            teacher=teacher,
        )
        return cast(CtcRun, run)
