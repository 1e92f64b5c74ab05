"""Who trains stages: warm Ray actors, or this process itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from slr_tune.errors import RunFailed
from slr_tune.training.stage_files import StageRecord
from slr_tune.training.worker import CountJob, StageJob, Worker
from trainables.errors import TrainablesError

Job = StageJob | CountJob
Answer = StageRecord | None


class WorkerDied(Exception):
    """A worker was killed or crashed; its job can be given to another."""


class Pool(Protocol):
    """Workers that take a job each."""

    @property
    def free(self) -> int:
        """Workers that wait for a job."""

    def submit(self, job: Job) -> None:
        """Gives a job to a free worker."""

    def finished(self, timeout: float) -> Sequence[tuple[Job, Answer | Exception]]:
        """Jobs that ended since the last call, each with its answer or what it raised.

        Args:
            timeout: Seconds to wait for the first.
        """

    def close(self) -> None:
        """Ends the workers, whatever they do."""


class LocalPool:
    """One worker in this process: for tests and for debugging."""

    def __init__(self) -> None:
        """Starts without a job."""
        self._worker = Worker()
        self._waiting: deque[Job] = deque()

    @property
    def free(self) -> int:
        """One job at a time."""
        return 1 - len(self._waiting)

    def submit(self, job: Job) -> None:
        """Keeps the job for `finished`."""
        self._waiting.append(job)

    def finished(self, timeout: float) -> Sequence[tuple[Job, Answer | Exception]]:
        """Works on the job now; what it raises is raised here."""
        if not self._waiting:
            return []
        job = self._waiting.popleft()
        return [(job, self._worker.work(job))]

    def close(self) -> None:
        """Forgets what waits."""
        self._waiting.clear()


class RayPool:
    """Actors that stay warm: torch, mapped data and the teacher's outputs are loaded once each.

    An actor starts with its first job. One that is killed while it still starts can keep Ray 2.60
    from ever starting the next one, so none is started that may not be needed.
    """

    def __init__(self, *, workers: int, cpus: float, gpus: float, modules: str) -> None:
        """Takes note; Ray must be up.

        Args:
            workers: How many.
            cpus: Cores of each.
            gpus: GPUs of each.
            modules: Folder in which a user's own run may lie.
        """
        import ray

        self._modules = modules

        self._actor = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=0)(Worker)
        self._workers = workers
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Job]] = {}

    @property
    def free(self) -> int:
        """Actors without a job, started or not."""
        return self._workers - len(self._busy)

    def submit(self, job: Job) -> None:
        """Gives the job to an idle actor, or to a new one."""
        actor = self._idle.pop() if self._idle else self._actor.remote(self._modules)
        self._busy[actor.work.remote(job)] = (actor, job)

    def finished(self, timeout: float) -> Sequence[tuple[Job, Answer | Exception]]:
        """Collects answers; an actor that died is replaced."""
        import ray

        if not self._busy:
            return []
        done, _ = ray.wait(list(self._busy), num_returns=1, timeout=timeout)
        answers = []
        for reference in done:
            actor, job = self._busy.pop(reference)
            answer = _answer(reference)
            if not isinstance(answer, WorkerDied):
                self._idle.append(actor)
            answers.append((job, answer))
        return answers

    def close(self) -> None:
        """Kills the actors."""
        import ray

        for actor in [*self._idle, *(actor for actor, _ in self._busy.values())]:
            ray.kill(actor)
        self._idle, self._busy = [], {}


def _answer(reference: Any) -> Answer | Exception:
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        answer: Answer = ray.get(reference)
        return answer
    except RayTaskError as error:
        if isinstance(error.cause, TrainablesError):
            return error.cause
        return RunFailed(f"a training failed: {error.cause!r}")
    except RayError as error:
        return WorkerDied(str(error).splitlines()[0])
