"""A plain training function with a loop behind the protocol of a run.

`train(config, report, resume)` runs in a thread that never works while its holder does: it is
let go for one epoch, and waits in `report` until the next. So its errors and its memory pass the
same gate as those of any other run.
"""

from __future__ import annotations

import ast
import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from trainables.errors import ConfigError, first_line
from trainables.protocol import RunInputs
from trainables.seeding import seed_all

_JOIN_SECONDS = 10.0
_ARGUMENTS = ("config", "report", "resume")


class _Closed(BaseException):
    """Raised in `report` to end the function; no `except Exception` catches it."""


class ReadSettings(dict[str, Any]):
    """Settings that remember which of them were read.

    Attributes:
        unread: Names that nobody looked at.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Nothing was read yet."""
        super().__init__(values)
        self.unread = set(values)

    def __getitem__(self, key: str) -> Any:
        """A setting."""
        self.unread.discard(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """A setting, or what is given."""
        self.unread.discard(key)
        return super().get(key, default)

    def __iter__(self) -> Iterator[str]:
        """All names: iterating reads them all."""
        self.unread.clear()
        return super().__iter__()


class Reporter:
    """What a function calls after each epoch: `report({"val/wer": 31.2}, state={...})`.

    Attributes:
        seed: Of the run; the generators of Python, numpy and torch are set from it.
        folder: The run's own folder, None where it has none.
        data: The prepared data set, None where the space names none.
        teacher: The teacher's checkpoint, None where there is none.
    """

    def __init__(self, run: FunctionRun, inputs: RunInputs) -> None:
        """Belongs to a run."""
        self._run = run
        self.seed = inputs.seed
        self.folder: Path | None = inputs.folder
        self.data = inputs.data
        self.teacher = inputs.teacher

    def seed_epoch(self, epoch: int) -> None:
        """Sets the generators at the beginning of an epoch, for curves that stops do not change.

        Args:
            epoch: From 1.
        """
        seed_all(self.seed, epoch)

    def __call__(
        self,
        row: Mapping[str, float] | None = None,
        /,
        *,
        state: Mapping[str, Any] | None = None,
        predictions: Iterable[Any] | None = None,
        **columns: float,
    ) -> None:
        """Ends an epoch, and waits until another one is wanted.

        Args:
            row: Columns of the curve.
            state: What `resume` will hold where the run is continued: tensors and plain
                containers. Without it such a run starts from scratch.
            predictions: What was recognised in each utterance of dev.
            columns: More columns.
        """
        self._run.take({**(row or {}), **columns}, state, predictions)


class FunctionRun:
    """One run of a function. `config_class` and `function` are set by `function_run`.

    Attributes:
        epoch: Epochs finished so far.
        notice: What a person should know of how it was started; None where there is nothing.
    """

    config_class: ClassVar[type[BaseModel]]
    function: ClassVar[Callable[..., Any]]

    def __init__(self, config: BaseModel, inputs: RunInputs) -> None:
        """Starts nothing yet."""
        self.epoch = 0
        self.notice: str | None = None
        self._config: Any = config
        if _is_open(type(config)):
            self._config = ReadSettings(config.model_dump(mode="json"))
        self._max_epochs = int(config.max_epochs)  # type: ignore[attr-defined]
        self._seed = inputs.seed
        self._report = Reporter(self, inputs)
        self._thread: threading.Thread | None = None
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._row: dict[str, float] | None = None
        self._state: Mapping[str, Any] | None = None
        self._predictions: list[Any] | None = None
        self._error: BaseException | None = None
        self._over = self._closing = False
        self._to_skip = 0
        self._ended_by: str | None = None

    @property
    def ended_by(self) -> str | None:
        """As the protocol has it; "patience" for a function that returned before its time."""
        return "max_epochs" if self.epoch >= self._max_epochs else self._ended_by

    def run_epoch(self) -> dict[str, float] | None:
        """Lets the function continue to its next report; None where it returned instead."""
        while self.catch_up():
            pass
        row = self._step()
        if row is None:
            if not self.epoch:
                from trainables.checked_run import RunRefused

                raise RunRefused([f"{type(self).__name__}() returned without a call of report()"])
            self._ended_by = "patience"
            return None
        self.epoch += 1
        if self.epoch >= self._max_epochs:
            self._finish()
        return row

    def _finish(self) -> None:
        """Runs the code after its loop; all its epochs count, whatever happens there."""
        try:
            self._step()
        except Exception as error:
            self.notice = f"{type(error).__name__} after the last epoch: {first_line(error)}"

    def catch_up(self) -> bool:
        """Has a function that started from scratch train one of its earlier epochs again."""
        if self._to_skip and self._step() is None:
            self._to_skip = 0
        self._to_skip = max(0, self._to_skip - 1)
        return self._to_skip > 0

    def take(
        self, row: dict[str, float], state: Mapping[str, Any] | None, predictions: Any
    ) -> None:
        """What the function reports, in its own thread."""
        if self._closing:
            raise _Closed
        if self.epoch < self._max_epochs:  # else it is called once too often
            self._row, self._state = row, state
            self._predictions = None if predictions is None else list(predictions)
        self._back.release()
        self._go.acquire()
        if self._closing:
            raise _Closed

    def state_dict(self) -> dict[str, Any]:
        """The epoch, and what was reported as state."""
        state = None if self._state is None else dict(self._state)
        return {"epoch": self.epoch, "reported": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues with the state that was reported; starts from scratch where there was none."""
        self.epoch, self._state = int(state["epoch"]), state["reported"]
        if self._state is None and self.epoch:
            self._to_skip = self.epoch
            self.notice = (
                f"{self.function.__name__} reports no state, so it starts from scratch after epoch "
                f"{self.epoch}: its epochs are trained again"
            )

    def facts(self) -> dict[str, Any]:
        """Settings that the function never looked at."""
        unread = self._config.unread if isinstance(self._config, ReadSettings) else set()
        return {"settings_not_read": sorted(unread - {"max_epochs"})} if self.epoch else {}

    def predictions(self) -> list[Any] | None:
        """What was reported with the last epoch."""
        return self._predictions

    def close(self) -> None:
        """Ends the function where it waits: its `finally` blocks are run."""
        self._closing = True
        if self._thread is not None and not self._over:
            self._go.release()
            self._thread.join(_JOIN_SECONDS)

    def _step(self) -> dict[str, float] | None:
        """Lets it continue; what it reported, None where it returned."""
        if self._over:
            return None
        self._row = None
        seed_all(self._seed, self.epoch + 1 - self._to_skip)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="train", daemon=True)
            self._thread.start()
        else:
            self._go.release()
        self._back.acquire()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._row

    def _work(self) -> None:
        try:
            type(self).function(self._config, self._report, self._state)
        except _Closed:
            pass
        except BaseException as error:  # raised again where the run is driven
            self._error = error
        self._over = True
        self._back.release()


@cache
def function_run(name: str, function: Callable[..., Any]) -> type[FunctionRun]:
    """Class of the runs of a function.

    Args:
        name: As the space names it.
        function: Takes `config`, `report` and `resume`.

    Raises:
        ConfigError: It takes something else.
    """
    try:
        taken = list(inspect.signature(function, eval_str=True).parameters.values())
    except (NameError, TypeError, ValueError):
        taken = list(inspect.signature(function).parameters.values())
    positional = [p for p in taken if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in taken if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
    if len(positional) < 3 or needed or any(p.default is p.empty for p in positional[3:]):
        raise ConfigError(
            f"trainable {name}: the function takes {', '.join(p.name for p in taken) or 'nothing'}",
            hint=f"It is called as {function.__name__}({', '.join(_ARGUMENTS)}).",
        )
    given = positional[0].annotation
    settings = given if inspect.isclass(given) and issubclass(given, BaseModel) else None
    members: dict[str, Any] = {
        "config_class": settings or _open_settings(function.__name__),
        "function": staticmethod(function),
        "__module__": function.__module__,
        "__doc__": function.__doc__,
    }
    if not _reports_predictions(function):
        members["predictions"] = None
    return type(function.__name__, (FunctionRun,), members)


def _open_settings(name: str) -> type[BaseModel]:
    fields: dict[str, Any] = {"max_epochs": (int, Field(default=20, ge=1))}
    config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())
    model: type[BaseModel] = create_model(name, __config__=config, **fields)
    return model


def _is_open(model: type[BaseModel]) -> bool:
    return model.model_config.get("extra") == "allow"


def _reports_predictions(function: Callable[..., Any]) -> bool:
    """Whether a call in the function's module names `predictions`."""
    try:
        tree = ast.parse(inspect.getsource(inspect.getmodule(function) or function))
    except (OSError, TypeError, SyntaxError):
        return False
    words = (w.arg for n in ast.walk(tree) if isinstance(n, ast.Call) for w in n.keywords)
    return "predictions" in words
