"""Trials that end at a rung where they are not among the best."""

from __future__ import annotations

from dataclasses import replace

from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.record import record_of
from slr_tune.study.rungs import Rungs, budget_rungs, is_audited
from slr_tune.study.store import StudyStore


class StoppingRungs:
    """Decides at the rungs of a strategy that stops trials there; of others, stops none.

    Attributes:
        rungs: Rebuilt from the study.
    """

    def __init__(self, store: StudyStore) -> None:
        """Rebuilds the rungs from the stored records."""
        self._store = store
        self.rungs = rungs_of(store)

    @property
    def epochs(self) -> tuple[int, ...]:
        """Epochs after which it is decided whether a trial continues."""
        return () if self._store.spec.search.scheduler == "none" else self.rungs.epochs

    def stops(self, live: LiveTrial) -> bool:
        """Enters a trial at the rungs that it reached; returns whether it ends there."""
        spec = self._store.spec
        decided = {entry.epoch for entry in live.record.rungs}
        for epoch in self.epochs:
            if epoch in decided or epoch not in live.values:
                continue
            if live.record.spared_at is not None:
                break
            # Cut short, the baseline could not be compared with the best trial.
            exempt = live.number == 0 and spec.baseline is not None
            audited = is_audited(live.number, seed=spec.seed, share=spec.budget.audit)
            entry = self.rungs.decide(epoch, live.values[epoch], exempt=exempt, audited=audited)
            live.record = replace(live.record, rungs=(*live.record.rungs, entry))
            self._store.write_record(live)
        return any(entry.stopped for entry in live.record.rungs)


def rungs_of(store: StudyStore) -> Rungs:
    """The rungs of a study that stops trials, as its stored records give them."""
    budget = store.spec.budget
    rungs = Rungs(budget_rungs(budget), budget.reduction_factor, store.minimizes)
    records = filter(None, map(record_of, store.trials))
    rungs.replay(entry for record in records for entry in record.rungs)
    return rungs
