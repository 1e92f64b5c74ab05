"""Optuna's TPE, which learns nothing from failed trials, shown those as its worst.

Optuna leaves failed trials out of TPE's model, so it goes back to where runs diverge as often as
chance takes it there. A pruned trial without any value is the worst there is for TPE; the copy of
the study that it is shown has such a trial for each that failed by its own configuration.
"""

from __future__ import annotations

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from slr_tune.study.record import failed_by_configuration


class FailedAsWorst(BaseSampler):
    """A TPE sampler for one trial of a study with one objective."""

    def __init__(self, sampler: TPESampler) -> None:
        """Takes a sampler without constant liar, which stores what it suggested in the study.

        Args:
            sampler: That suggests.
        """
        self._sampler = sampler
        self._copy: Study | None = None
        self._is_read = False

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The sampler's, from the study as it is."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The sampler's values of some parameters together."""
        if not search_space:
            return {}
        return self._sampler.sample_relative(self._with_failed(study), trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The sampler's value of one parameter."""
        shown = self._with_failed(study)
        return self._sampler.sample_independent(shown, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """The sampler's."""
        self._sampler.reseed_rng()

    def _with_failed(self, study: Study) -> Study:
        """The study itself where no trial failed so; read once, as other trials end meanwhile."""
        if not self._is_read:
            trials = study.get_trials(deepcopy=False)
            if any(map(failed_by_configuration, trials)):
                self._copy = _copy(study, trials)
            self._is_read = True
        return study if self._copy is None else self._copy


def _copy(study: Study, trials: list[FrozenTrial]) -> Study:
    """A study in memory, with those that failed by their configuration as pruned ones."""
    copy = optuna.create_study(direction=study.direction)
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    copy.add_trials(
        optuna.trial.create_trial(
            state=TrialState.PRUNED, params=trial.params, distributions=trial.distributions
        )
        if failed_by_configuration(trial)
        else trial
        for trial in trials
        if trial.state in ended or failed_by_configuration(trial)
    )
    return copy
