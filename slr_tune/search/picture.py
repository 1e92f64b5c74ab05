"""How the progress of a search looks: a picture for a terminal, lines for a log."""

from __future__ import annotations

from dataclasses import dataclass

from slr_tune.search.standing import BestSoFar, RunStanding, SearchStanding
from slr_tune.text import counted, duration, metric_text
from slr_tune.wrapping import pack, wrap_text

_LEAST_BAR = 10
_MOST_BAR = 60
_FULL, _EMPTY = "█", "░"
_PLAIN_FULL, _PLAIN_EMPTY = "#", "."


@dataclass(frozen=True)
class Remaining:
    """Time that a search may still take.

    Attributes:
        seconds: Until all trials requested have ended, at this run's pace; None where not known.
        limit: Seconds that the study may take in all; None without a limit.
        left: Seconds of these that are left.
    """

    seconds: float | None = None
    limit: float | None = None
    left: float | None = None


def done_share(standing: SearchStanding, remaining: Remaining) -> float | None:
    """How much of a search is done, 0..1: of its epochs, else of its time; None where unknown."""
    if standing.expected is not None:
        return standing.epochs / standing.expected if standing.expected else 1.0
    if remaining.limit and remaining.left is not None:
        return min(1.0, max(0.0, 1 - remaining.left / remaining.limit))
    return None


def picture(
    standing: SearchStanding,
    remaining: Remaining,
    *,
    width: int,
    height: int,
    confirmed: str | None = None,
    ascii_only: bool = False,
) -> list[str]:
    """The lines that a terminal shows while a search runs; none is wider than the terminal.

    Args:
        standing: State of the search.
        remaining: Time that it may still take.
        width: Columns of the terminal.
        height: Its lines.
        confirmed: Result of the study's confirmation.
        ascii_only: Whether the terminal has no block characters.
    """
    share = done_share(standing, remaining)
    lines = [] if share is None else [bar(share, width, ascii_only=ascii_only)]
    lines += pack([*_counts(standing), *_times(remaining)], width)
    lines += pack(_best_pieces(standing.best, standing.metric), width)
    if confirmed is not None:
        lines += wrap_text(confirmed, width).split("\n")
    return lines + _running(standing, width, max(1, height - len(lines) - 2))


def epochs_picture(
    done: int, expected: int, seconds: float | None, *, width: int, ascii_only: bool = False
) -> list[str]:
    """The lines that a terminal shows while runs train outside of a search.

    Args:
        done: Epochs trained so far.
        expected: Epochs in all where no run ends before its time.
        seconds: Expected time of the rest; None where not known.
        width: Columns of the terminal.
        ascii_only: Whether the terminal has no block characters.
    """
    share = min(1.0, done / expected) if expected else 1.0
    pieces = [f"{done:,} of at most {counted(expected, 'epoch')}", *_times(Remaining(seconds))]
    return [bar(share, width, ascii_only=ascii_only), *pack(pieces, width)]


def run_picture(
    run: RunStanding, seconds: float | None, *, width: int, ascii_only: bool = False
) -> list[str]:
    """The lines that a terminal shows while a single run trains.

    Args:
        run: State of the run.
        seconds: Expected time of the rest; None where not known.
        width: Columns of the terminal.
        ascii_only: Whether the terminal has no block characters.
    """
    share = min(1.0, run.epoch / run.max_epochs)
    pieces = [f"epoch {run.epoch} of at most {run.max_epochs}", *_times(Remaining(seconds))]
    values = [
        f"train loss {run.train_loss:.4f}",
        f"dev WER {run.wer:.2f} %",
        f"best {run.best_wer:.2f} % (epoch {run.best_epoch})",
    ]
    return [bar(share, width, ascii_only=ascii_only), *pack(pieces, width), *pack(values, width)]


def bar(share: float, width: int, *, ascii_only: bool = False) -> str:
    """A bar with its percentage: full only at 100 %."""
    full, empty = (_PLAIN_FULL, _PLAIN_EMPTY) if ascii_only else (_FULL, _EMPTY)
    length = min(_MOST_BAR, max(_LEAST_BAR, width - len(" 100 %")))
    filled = int(length * share)
    return f"{full * filled}{empty * (length - filled)} {_percent(share):>3} %"


def log_line(standing: SearchStanding, remaining: Remaining) -> str:
    """The same in one line."""
    share = done_share(standing, remaining)
    pieces = [] if share is None else [f"{_percent(share)} %"]
    pieces += [*_counts(standing), *_times(remaining)]
    best = _best_pieces(standing.best, standing.metric)
    return "; ".join(filter(None, [", ".join(pieces), ", ".join(best)]))


def _percent(share: float) -> int:
    return int(100 * share + 1e-9)


def _counts(standing: SearchStanding) -> list[str]:
    of = "" if standing.expected is None else f" of about {standing.expected:,}"
    if standing.expected == standing.epochs:
        of = f" of {standing.expected:,}"
    asked = "" if standing.asked is None else f" of {standing.asked:,}"
    ended = f"{standing.ended:,}{asked} trial{'' if (standing.asked or 0) == 1 else 's'} ended"
    some = [f"{count:,} {name}" for name, count in standing.states.items() if count]
    if standing.failed:
        ended += f" ({standing.failed:,} failed)"
    noun = "epoch" if (standing.expected or standing.epochs) == 1 else "epochs"
    return [f"{standing.epochs:,}{of} {noun}", ended, *some]


def _times(remaining: Remaining) -> list[str]:
    found = []
    if remaining.seconds:
        found.append(f"about {duration(remaining.seconds)} left")
    if remaining.limit is not None and remaining.left is not None:
        left = max(0.0, remaining.left)
        found.append(f"{duration(left)} of its {duration(remaining.limit)} left")
    return found


def _best_pieces(best: BestSoFar | None, metric: str) -> list[str]:
    if best is None:
        return []
    pieces = [f"best {metric_text(best.value, metric)} (trial {best.number})"]
    if best.gain is not None:
        pieces.append(f"{metric_text(best.gain, metric)} better than the baseline")
    elif best.baseline is not None and best.number == 0:
        pieces.append("the baseline itself")
    elif best.baseline is not None:
        pieces.append(f"baseline {metric_text(best.baseline, metric)} so far")
    return pieces


def _running(standing: SearchStanding, width: int, most: int) -> list[str]:
    """One line per trial, in columns; the last line counts those that do not fit."""
    rows = [
        (
            f"trial {one.number}",
            f"epoch {one.epoch} of {standing.max_epochs}",
            "" if one.value is None else metric_text(one.value, standing.metric),
        )
        for one in standing.running
    ]
    shown = rows if len(rows) <= most else rows[: most - 1]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [
        f"{name:<{widths[0]}}  {epoch:>{widths[1]}}  {value:>{widths[2]}}".rstrip()[:width]
        for name, epoch, value in shown
    ]
    if len(shown) < len(rows):
        lines.append(f"and {counted(len(rows) - len(shown), 'more trial')}"[:width])
    return lines
