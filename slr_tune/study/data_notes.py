"""What a reader of a study's figures has to know about the data that they come from."""

from __future__ import annotations

from slr_tune.space import StudySpec
from slr_tune.text import counted
from trainables.data.config import DATA_NAMES, parse_data_spec


def data_notes(spec: StudySpec) -> list[str]:
    """Sentences on a part of the data, and on what WERs are counted on; none for the usual.

    Args:
        spec: The study's search.
    """
    notes = []
    if parts := _parts(spec):
        notes.append(f"A rehearsal on a part of the data: {', '.join(parts)}.")
    if spec.objective.scoring == "phoenix":
        notes.append("WERs are counted after the official cleaning of PHOENIX-2014.")
    return notes


def _parts(spec: StudySpec) -> list[str]:
    if spec.data.get("name") not in DATA_NAMES:
        return []
    shares, most = parse_data_spec(spec.data).part
    found = []
    for split in ("train", "dev"):
        share, count = getattr(shares, split), getattr(most, split)
        if share is not None and share < 1:
            found.append(f"{100 * share:.4g} % of {split}")
        if count is not None:
            found.append(f"at most {counted(count, 'utterance')} of {split}")
    return found
