"""Who trains outside of a search: warm Ray actors, or this process itself."""

from __future__ import annotations

import heapq
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from slr_tune.errors import RunFailed
from slr_tune.space import Resources
from slr_tune.study.folders import cache_root
from slr_tune.text import duration
from slr_tune.training.deadlines import Deadlines
from slr_tune.training.interrupt import Interrupted
from slr_tune.training.nodes import Nodes
from slr_tune.training.session import ray_log, workers_session
from slr_tune.training.stages import Job, Stage
from slr_tune.training.workers import gpus_of
from trainables.data import Dataset
from trainables.errors import TrainablesError, first_line
from trainables.script.run import ScriptFailed

_POLL_SECONDS = 0.5
_ATTEMPTS = 3
_WAY_OUT = "What is trained is kept. Fix it, or leave this configuration out; then run it again."
_CLOSE_SECONDS = 5.0
"""For a run to let go of what it holds, before its worker is killed."""


class WorkerDied(Exception):
    """A worker was killed or crashed; its job can be given to another."""


class LocalPool:
    """One worker in this process: for tests and for debugging."""

    def __init__(self, *, data: Path | None, cache: Path) -> None:
        """Starts without a job; data and cache as a worker takes them."""
        from slr_tune.training.worker import Worker

        self._worker = Worker(data, cache)
        self._waiting: list[Job] = []

    @property
    def free(self) -> int:
        """One job at a time."""
        return 1 - len(self._waiting)

    def need(self, what: str, path: Path) -> None:
        """This process has it."""

    def submit(self, job: Job) -> None:
        """Keeps the job for `finished`."""
        self._waiting.append(job)

    def finished(self, timeout: float) -> list[tuple[Job, Job | Exception]]:
        """Works on the job now."""
        job = self._waiting.pop()
        try:
            return [(job, self._worker.work(job))]
        except TrainablesError as error:
            return [(job, error)]


class RayPool:
    """Actors that stay warm: torch, mapped data and the teacher's outputs are loaded once each.

    A job goes only to an actor that is up, so that one which never starts keeps none. An actor is
    started where a job waits for it: one that is killed while it still starts can keep Ray 2.60
    from ever starting the next one.
    """

    def __init__(
        self,
        resources: Resources,
        workers: int,
        *,
        data: Dataset | None,
        nodes: Nodes | None = None,
    ) -> None:
        """Takes note; Ray must be up.

        Args:
            resources: What each needs.
            workers: How many.
            data: The prepared data, None for a custom run without.
            nodes: Where they may be, and how many at a time; None for anywhere.
        """
        import ray

        from slr_tune.training.worker import Worker

        gpus = gpus_of(resources)
        self._actor = ray.remote(num_cpus=resources.cpus_per_trial, num_gpus=gpus, max_restarts=0)(
            Worker
        )
        folder = None if data is None else data.folder
        self._given = (folder, cache_root(), os.getcwd(), gpus)
        self._workers = workers
        self._nodes = nodes
        self._waiting: list[Job] = []
        self._starting: dict[Any, Any] = {}
        self._deadlines = Deadlines(resources.trial_timeout)
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Job]] = {}
        self._places: dict[Any, tuple[str, int]] = {}

    @property
    def free(self) -> int:
        """Jobs that can be taken: workers without one, started or not."""
        return self._workers - len(self._busy) - len(self._waiting)

    def need(self, what: str, path: Path) -> None:
        """Asks the nodes for a file that trainings will read.

        Raises:
            RunFailed: None of them reads it.
        """
        if self._nodes is not None:
            self._nodes.need(what, path)
            self._workers = self._nodes.workers

    def submit(self, job: Job) -> None:
        """Gives the job to the first actor that is up and idle; only where one is free."""
        self._waiting.append(job)
        self._hand_out()

    def finished(self, timeout: float) -> list[tuple[Job, Job | Exception]]:
        """Jobs that ended since the last call, each as it was given and done, or what it raised.

        An actor that died is replaced, and so is one that finishes no epoch in time.

        Args:
            timeout: Seconds to wait for the first.
        """
        import ray

        pending = [*self._busy, *self._starting]
        if self._nodes is not None and self._nodes.watch():
            self._workers = self._nodes.workers
        if not pending:  # no node is left
            time.sleep(timeout)
            self._hand_out()
            return []
        done, _ = ray.wait(pending, num_returns=1, timeout=timeout)
        answers = [] if done else self._give_up()
        for reference in done:
            if reference in self._starting:
                answers += self._started(reference)
                continue
            actor, job = self._busy.pop(reference)
            answer = _answer(reference)
            if not isinstance(answer, WorkerDied):
                self._idle.append(actor)
            answers.append((job, answer))
        self._hand_out()
        return answers

    def _give_up(self) -> list[tuple[Job, Job | Exception]]:
        """Kills the actors that bring no epoch in time."""
        import ray

        given_up: list[tuple[Job, Job | Exception]] = []
        for reference, (actor, job) in list(self._busy.items()):
            limit = self._deadlines.overdue(job) if isinstance(job, Stage) else None
            if limit is not None:
                ray.kill(actor)
                del self._busy[reference]
                given_up.append((job, WorkerDied(f"no epoch within {duration(limit)}")))
        return given_up

    def close(self) -> None:
        """Ends the actors: those at work are asked first, so that their runs can be closed."""
        import ray

        busy = [actor for actor, _ in self._busy.values()]
        asked = [ref for ref, (actor, _) in self._busy.items() if _ask_to_end(self._places[actor])]
        if asked:
            ray.wait(asked, num_returns=len(asked), timeout=_CLOSE_SECONDS)
        for actor in [*self._idle, *self._starting.values(), *busy]:
            ray.kill(actor)
        self._idle, self._starting, self._busy, self._waiting = [], {}, {}, []

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            actor, job = self._idle.pop(), self._waiting.pop(0)
            if isinstance(job, Stage):
                self._deadlines.begin(job)
            self._busy[actor.work.remote(job)] = (actor, job)
        while len(self._starting) < min(len(self._waiting), self._workers - len(self._busy)):
            actor = self._placed().remote(*self._given)
            self._starting[actor.place.remote()] = actor

    def _placed(self) -> Any:
        """The actor's class, bound to the nodes that may train."""
        selector = {} if self._nodes is None else self._nodes.selector
        return self._actor.options(label_selector=selector) if selector else self._actor

    def _started(self, reference: Any) -> list[tuple[Job, Job | Exception]]:
        """Takes in an actor that is up; where it died instead, a job that waited has its answer."""
        import ray
        from ray.exceptions import RayError

        actor = self._starting.pop(reference)
        try:
            self._places[actor] = ray.get(reference)
        except RayError as error:
            died = WorkerDied(first_line(error))
            return [(self._waiting.pop(0), died)] if self._waiting else []
        self._idle.append(actor)
        return []


Pool = RayPool | LocalPool
"""Workers that take a job each."""
Waiting = tuple[int, int, Job]
"""A job behind two numbers, which say when it comes and are its own."""


@contextmanager
def training_pool(
    resources: Resources,
    *,
    address: str | None,
    data: Dataset | None,
    log: Path | None = None,
    **cluster: Any,
) -> Iterator[Pool]:
    """Workers in a Ray session of their own, for the time of a block.

    Args:
        resources: What a training needs, and how many are to go side by side.
        address: Ray cluster, None for this machine.
        data: The prepared data, None for a custom run without.
        log: File for what Ray says of lost workers, those that end with the block too.
        cluster: Of a cluster, as `workers_session` takes it.

    Raises:
        RunFailed: As `workers_session`.
    """
    with (
        ExitStack() as last,
        workers_session(resources, address=address, **cluster) as nodes,
    ):
        if log is not None:
            last.enter_context(ray_log(log))  # Ray has its own log only once it is up
        with closing(RayPool(resources, nodes.workers, data=data, nodes=nodes)) as pool:
            yield pool


def work_through(
    waiting: list[Waiting],
    pool: Pool,
    *,
    stopped: Callable[[], bool],
    done: Callable[[Job], None] = lambda job: None,
    watch: Callable[[Job], None] = lambda job: None,
) -> None:
    """Has jobs done until none waits.

    Args:
        waiting: A heap of jobs.
        pool: Who does them.
        stopped: Whether an end was requested.
        done: Told each job with its outcome; may push others that wait.
        watch: Told each job in the air, twice a second.

    Raises:
        Interrupted: Stopped before it was done.
        RunFailed: Workers keep dying.
        TrainablesError: A run cannot be trained as it is configured.
    """
    deaths: Counter[tuple[int, int]] = Counter()
    busy: dict[int, Waiting] = {}
    while waiting or busy:
        while waiting and pool.free:
            entry = heapq.heappop(waiting)
            pool.submit(entry[2])
            busy[id(entry[2])] = entry
        for job, answer in pool.finished(_POLL_SECONDS):
            entry = busy.pop(id(job))
            if isinstance(answer, WorkerDied):
                deaths[entry[:2]] += 1
                if deaths[entry[:2]] >= _ATTEMPTS:
                    raise RunFailed(
                        f"a worker died {_ATTEMPTS} times in the same stage: {answer}",
                        hint="Fewer --workers may help. Run the same command again to resume.",
                    )
                heapq.heappush(waiting, entry)
            elif isinstance(answer, Exception):
                raise _of_job(job, answer)
            else:
                done(answer)
        if stopped():
            raise Interrupted
        for _, _, job in busy.values():
            watch(job)


def _of_job(job: Job, error: Exception) -> Exception:
    """An error with the name of the run that it ended."""
    if isinstance(job, Stage) and isinstance(error, TrainablesError):
        error.message = f"{job.longest.name}: {error.message}"
        if isinstance(error, ScriptFailed):
            error.hint = f"{error.hint}\n  {_WAY_OUT}"
    return error


def _ask_to_end(place: tuple[str, int]) -> bool:
    """Sends SIGTERM to an actor of this machine; whether it was there to be asked."""
    machine, pid = place
    if machine != os.uname().nodename:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def _answer(reference: Any) -> Job | Exception:
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        answer: Job = ray.get(reference)
        return answer
    except RayTaskError as error:
        if isinstance(error.cause, TrainablesError):
            return error.cause
        return RunFailed(f"a training failed: {error.cause!r}", hint=_WAY_OUT)
    except RayError as error:
        return WorkerDied(first_line(error))
