"""Dev figures against a second, plain implementation."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from trainables.data import Dataset
from trainables.data.batch import collate
from trainables.runs.evaluation import evaluate

CPU = torch.device("cpu")


def test_figures_against_one_utterance_at_a_time(make_run: Any, libras: Dataset) -> None:
    # Padding, batching and order must not show in any figure.
    run = make_run()
    run.run_epoch()
    found = evaluate(run.model, libras.dev, libras.vocabulary, device=CPU, utterances_at_once=4)
    losses, blanks, entropies, hypotheses = [], [], [], []
    run.model.eval()
    for index in range(len(libras.dev)):
        batch = collate(libras.dev, [index])
        with torch.no_grad():
            output = run.model(batch.features, batch.lengths)
        probabilities = output.log_probs[:, 0].exp()
        path = probabilities.argmax(dim=1).tolist()
        blanks += [label == 0 for label in path]
        entropies += (-(probabilities * probabilities.log()).sum(dim=1)).tolist()
        glosses = [b for a, b in zip([0, *path], path, strict=False) if b != a and b != 0]
        hypotheses.append(tuple(libras.vocabulary[gloss] for gloss in glosses))
        loss = torch.nn.functional.ctc_loss(
            output.log_probs, batch.targets, output.lengths, batch.target_lengths
        )
        losses.append(float(loss))
    assert found.hypotheses == tuple(hypotheses)
    assert found.loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert found.blank_rate == pytest.approx(sum(blanks) / len(blanks))
    ratio = sum(entropies) / len(entropies) / math.log(len(libras.vocabulary))
    assert found.entropy_ratio == pytest.approx(ratio, rel=1e-4)


def test_utterances_that_ctc_cannot_align_count_in_the_wer_but_not_in_the_loss(
    make_run: Any, libras: Dataset
) -> None:
    # One of them would make the loss infinite; leaving it out of the WER would flatter it.
    run = make_run()
    dev = libras.dev
    needed = dev.frames_needed.copy()
    needed[2] = 10_000
    spoilt = replace(dev)
    spoilt.__dict__["frames_needed"] = needed
    plain = evaluate(run.model, dev, libras.vocabulary, device=CPU)
    found = evaluate(run.model, spoilt, libras.vocabulary, device=CPU)
    assert found.wer == plain.wer
    assert math.isfinite(found.loss) and found.loss != plain.loss


def test_mode_is_put_back(make_run: Any, libras: Dataset) -> None:
    run = make_run()
    for training in (True, False):
        run.model.train(training)
        evaluate(run.model, libras.dev, libras.vocabulary, device=CPU)
        assert run.model.training is training
