"""One trial on a card by itself, to find out what `gpus_per_trial: auto` is to be."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

import torch

from slr_tune.checks.result import Unavailable
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec
from slr_tune.training.card_use import CardUse, card_watch, mean_share
from trainables.errors import TrainablesError

_BATCHES = 12
_OF_CUDA = 512 * 2**20
"""What CUDA itself takes of a card in each process, in addition to tensors: a rough figure."""


def measure_card_use(spec: StudySpec, storage: str | None) -> CardUse | None:
    """Trains the largest configuration of a space for two short epochs, in a process of its own.

    Args:
        spec: The search.
        storage: Database URL, None for the default.

    Returns:
        What it took of the card; None where it could not be trained, or is a custom run.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as process:
        try:
            return process.submit(use_of_card, spec, storage).result()
        except BrokenProcessPool:
            return None


def use_of_card(spec: StudySpec, storage: str | None) -> CardUse | None:
    """The same in this process."""
    try:
        return _measure(spec, storage)
    except (Unavailable, SlrTuneError, TrainablesError, RuntimeError, MemoryError):
        return None  # the search itself will say what is wrong


def _measure(spec: StudySpec, storage: str | None) -> CardUse:
    with closing(CheckInputs(spec, storage=storage, device="cuda")) as inputs:
        inputs.needs_built_in()
        config = inputs.largest
        count = _BATCHES * int(config["batch_size"]) * int(config["accumulation"])
        data = inputs.chosen(inputs.alignable[-count:])
        run = inputs.build({**config, "max_epochs": 2, "patience": 2}, data)
        run.run_epoch()  # brings kernels and data to the card
        with card_watch() as looks:
            run.run_epoch()
        reserved = torch.cuda.max_memory_reserved(run.device)
        _, total = torch.cuda.mem_get_info(run.device)
        whole = inputs.data.statistics[0].frames * inputs.data.feature_size * 2
        return CardUse(reserved + whole + _OF_CUDA, total, mean_share(looks))
