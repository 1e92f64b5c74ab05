"""Decoding by beam during training: the figures are that decoder's, the training is the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from trainables.config import Decoding, DistillConfig, StudentConfig
from trainables.data import Dataset
from trainables.data.batch import collate
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.build import build_decoder
from trainables.decoding.kneser_ney import train_kneser_ney
from trainables.decoding.settings import BeamSettings
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.files.stored_model import load_model
from trainables.runs.evaluation import evaluate
from trainables.scoring.wer import corpus_wer

# A bonus this large makes any model insert: the two decoders cannot agree by chance.
BEAM = {"method": "beam", "width": 4, "lm_weight": 0.5, "gloss_bonus": 2.0}


def test_an_epochs_wer_is_that_of_the_beam_search(make_run: Any, libras: Dataset) -> None:
    # Broken if a search over decoders compared greedy figures.
    run = make_run(decoding=BEAM, learning_rate=0.02)
    row = run.run_epoch()
    model = train_kneser_ney(libras.train.references, order=3, vocabulary=libras.vocabulary[1:])
    decoder = BeamDecoder(libras.vocabulary, BeamSettings(4, 0.5, 2.0), language_model=model)
    hypotheses = []
    run.model.eval()
    for index in range(len(libras.dev)):
        batch = collate(libras.dev, [index])
        with torch.no_grad():
            frames = run.model(batch.features, batch.lengths).log_probs[:, 0].numpy()
        (classes,) = decoder.decode_batch([frames])
        hypotheses.append([libras.vocabulary[gloss] for gloss in classes])
    expected = corpus_wer(hypotheses, libras.dev.references).wer_percent
    assert row["val/wer"] == pytest.approx(expected)
    greedy = evaluate(run.model, libras.dev, libras.vocabulary, device=torch.device("cpu"))
    assert row["val/wer"] != pytest.approx(greedy.wer.wer_percent)


def test_weights_do_not_depend_on_the_decoder(make_run: Any, assert_same_bits: Any) -> None:
    # Broken if decoding drew random numbers, or left the model in another mode.
    greedy, beam = make_run(), make_run(decoding=BEAM)
    for run in (greedy, beam):
        run.run_epoch()
        run.run_epoch()
    for part in ("model", "optimizer"):
        assert_same_bits(beam.state_dict()[part], greedy.state_dict()[part])
    same = [key for key in greedy.rows[0] if key not in ("seconds", "val/wer", "val/wer_best")]
    for ours, theirs in zip(beam.rows, greedy.rows, strict=True):
        assert str([ours[key] for key in same]) == str([theirs[key] for key in same])


def test_a_checkpoint_says_how_it_was_decoded(make_run: Any, tmp_path: Any) -> None:
    # Broken if a beam's WER were taken for a greedy one by whoever reads the checkpoint.
    run = make_run(decoding=BEAM)
    run.run_epoch()
    save_checkpoint(tmp_path / "beam.pt", run.state_dict())
    assert load_model(tmp_path / "beam.pt").config.decoding == Decoding(**BEAM)
    plain = make_run()
    save_checkpoint(tmp_path / "greedy.pt", plain.state_dict())
    assert load_model(tmp_path / "greedy.pt").config.decoding.method == "greedy"
    assert "decoding" not in load_checkpoint(tmp_path / "greedy.pt")["config"]


def test_stored_configurations_keep_their_names() -> None:
    # Broken if a configuration stored before there was any choice of decoder hashed differently:
    # teachers would be trained again, and studies refused.
    assert "decoding" not in StudentConfig().model_dump(mode="json")
    explicit = DistillConfig(decoding={"method": "greedy"})
    assert explicit.model_dump(mode="json") == DistillConfig().model_dump(mode="json")
    beam = StudentConfig(decoding=BEAM)
    assert beam.model_dump(mode="json")["decoding"] == BEAM
    assert StudentConfig.model_validate_json(beam.model_dump_json()) == beam


def test_a_setting_of_the_beam_means_a_beam() -> None:
    # Broken if a space that searches the width alone compared equal greedy runs.
    assert Decoding(width=3).method == "beam"
    assert Decoding(method="beam") == Decoding(width=10, lm_weight=0.9, gloss_bonus=1.5)
    with pytest.raises(ValidationError, match="method greedy takes no width"):
        Decoding(method="greedy", width=3)


@pytest.mark.parametrize(
    "settings", [{"width": 0}, {"lm_weight": -0.1}, {"gloss_bonus": 101.0}, {"wide": 3}]
)
def test_settings_that_are_refused(settings: dict[str, float]) -> None:
    # Broken if a value that the beam search refuses reached a run of a night.
    with pytest.raises(ValidationError):
        Decoding(**settings)


def test_no_language_model_is_made_where_it_has_no_weight(
    libras: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if weight 0 cost the time, or the sentence ends, of a model.
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a language model was trained")

    monkeypatch.setattr("trainables.decoding.build.train_kneser_ney", refuse)
    assert build_decoder(Decoding(lm_weight=0.0), libras) is not None
    assert build_decoder(Decoding(), libras) is None
    with pytest.raises(AssertionError):
        build_decoder(Decoding(method="beam"), libras)
