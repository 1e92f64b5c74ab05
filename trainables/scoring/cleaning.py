"""What a WER is counted on: glosses as they are, or as the official evaluation cleans them."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.config import Scoring
from trainables.scoring.phoenix import clean_hypothesis, clean_sentence
from trainables.scoring.wer import Sentence


def cleaned(
    hypotheses: Sequence[Sentence], references: Sequence[Sentence], scoring: Scoring
) -> tuple[Sequence[Sentence], Sequence[Sentence]]:
    """Both as errors are counted on them.

    Args:
        hypotheses: Recognised glosses of each utterance.
        references: Glosses that were signed.
        scoring: "plain" changes nothing; "phoenix" cleans as RWTH-PHOENIX-2014's evaluation does.
    """
    if scoring == "plain":
        return hypotheses, references
    return [clean_hypothesis(item) for item in hypotheses], [*map(clean_sentence, references)]
