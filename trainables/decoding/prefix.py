"""A prefix of a gloss sequence in a search, and what it weighs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainables.data import BLANK
from trainables.decoding.fused_model import FusedModel, History
from trainables.decoding.settings import Hypothesis

_NOT_YET = History((), ())


@dataclass(slots=True, eq=False)
class Prefix:
    """A node in the tree of prefixes.

    Weights are probabilities of the frames so far, the factors of language model and bonus
    multiplied in, on a scale that all prefixes of a search share.

    Attributes:
        last: Its last gloss; the blank for the empty prefix.
        parent: The prefix without the last gloss.
        factor: Weight that the language model gives the last gloss.
        history: Factors of the glosses that may follow, once it was in the beam.
        in_beam: Whether it is searched from.
        blank: Weight of the alignments that end in a blank.
        gloss: Weight of the alignments that end in the last gloss.
        total: Sum of the two.
        next_blank: `blank` after the frame at work.
        next_gloss: `gloss` after the frame at work.
    """

    last: int
    parent: Prefix | None
    factor: float
    history: History = _NOT_YET
    in_beam: bool = False
    blank: float = 0.0
    gloss: float = 0.0
    total: float = 0.0
    next_blank: float = 0.0
    next_gloss: float = 0.0

    @classmethod
    def empty(cls, model: FusedModel) -> Prefix:
        """The prefix that a search begins with."""
        prefix = cls(BLANK, None, 1.0, next_blank=1.0)
        prefix.step()
        prefix.enter(model)
        return prefix

    def before(self, gloss: int) -> float:
        """Weight of the alignments after which a frame of this gloss begins a new one."""
        return self.blank if gloss == self.last else self.total

    def step(self) -> None:
        """Puts the frame at work behind it."""
        self.blank = self.next_blank
        self.gloss = self.next_gloss
        self.total = self.blank + self.gloss

    def enter(self, model: FusedModel) -> None:
        """Takes its place in the beam."""
        self.in_beam = True
        if self.parent is None:
            self.history = model.start
        elif self.history is _NOT_YET:
            self.history = model.extended(self.parent.history, self.last)

    def scale(self, factor: float) -> None:
        """Changes the scale."""
        self.blank *= factor
        self.gloss *= factor
        self.total *= factor

    def rest(self) -> None:
        """A frame of blank alone, but for its probability."""
        self.blank, self.gloss = self.total, 0.0

    def hypothesis(self, log_scale: float) -> Hypothesis:
        """The prefix as a whole sequence."""
        log_total = log_scale + math.log(self.total)
        log_factors = 0.0
        classes: list[int] = []
        node = self
        while node.parent is not None:
            classes.append(node.last)
            log_factors += math.log(node.factor)
            node = node.parent
        return Hypothesis(
            classes=tuple(reversed(classes)),
            log_prob=log_total - log_factors,
            score=log_total + math.log(self.history.end_factor()),
        )
