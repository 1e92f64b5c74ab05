"""`slr-tune adopt`: models and logits of plain scripts, as those write them, become ours or are
refused; never is a layer or a gloss taken for another."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from slr_tune.study.folders import cache_root
from trainables.data import Dataset, prepare
from trainables.files.stored_model import StoredModel, load_model
from trainables.files.weight_names import match_weights

Call = Callable[..., tuple[int, str, str]]
DATA = "{name: libras, train: 60, dev: 8, test: 4}"


class PlainStudent(nn.Module):
    """The users' student as a script of theirs writes it: other names, another order, packed."""

    def __init__(self, features: int, hidden: int, layers: int, projected: int, classes: int):
        super().__init__()
        self.classifier = nn.Linear(2 * hidden, classes)
        self.post_norms = nn.ModuleList(nn.LayerNorm(2 * hidden) for _ in range(layers))
        self.embed = nn.Sequential(nn.Linear(features, projected), nn.LayerNorm(projected))
        self.widen = nn.Linear(projected, 2 * hidden)
        self.rnn = nn.ModuleList(
            nn.LSTM(2 * hidden, hidden, bidirectional=True, batch_first=True) for _ in range(layers)
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(N, T, D) to log-probabilities (N, T, C)."""
        x = self.widen(self.embed(x))
        for rnn, norm in zip(self.rnn, self.post_norms, strict=True):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            x = norm(pad_packed_sequence(rnn(packed)[0], batch_first=True)[0])
        return self.classifier(x).log_softmax(dim=-1)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(
        "model: {num_layers: 4, hidden_size: 256, projection: 256, input_size: 1540}\n"
        "dropout: 0.4\nlr: 5.0e-4\nnum_workers: 4\n"
    )
    return path


def test_the_users_student_of_7469005_parameters(call: Call, config: Path, tmp_path: Path) -> None:
    """Saved from DataParallel in a dict with numpy scalars; its outputs come back."""
    torch.manual_seed(0)
    script = PlainStudent(1540, 256, 4, 256, 1229).eval()
    assert sum(p.numel() for p in script.parameters()) == 7_469_005
    glosses = ["<blank>", *(f"GLOSS{n}" for n in range(1228))]
    content = {
        "epoch": 79,
        "model_state_dict": nn.DataParallel(script).state_dict(),
        "optimizer_state_dict": torch.optim.Adam(script.parameters()).state_dict(),
        "best_wer": np.float64(48.87),
        "vocab": {gloss: number for number, gloss in enumerate(glosses)},
        "args": argparse.Namespace(lr=5e-4),
    }
    torch.save(content, tmp_path / "best_model.pth")
    code, out, err = call(
        "adopt", tmp_path / "best_model.pth", "--config", config, "--as", "student", "--unmeasured"
    )
    assert code == 0 and "7,469,005 parameters, not measured" in out, err
    assert "rnn.3.l0 -> layers.3.l0" in err and "subsampling is not given: 1" in err
    stored = load_model(
        tmp_path / "studies" / "adopted" / "best_model" / "checkpoints" / "checkpoint_best.pt"
    )
    assert stored.vocabulary == tuple(glosses) and stored.epoch == 79
    x, lengths = torch.randn(3, 20, 1540), torch.tensor([20, 7, 13])
    with torch.no_grad():
        theirs = script(x, lengths)
        ours = stored.model(x, lengths).log_probs.transpose(0, 1)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(ours[row, :length], theirs[row, :length], atol=1e-5, rtol=0)


@pytest.fixture
def student(trained: Path) -> StoredModel:
    """A student of ours that knows some of the sentences."""
    return load_model(trained / "train" / "student" / "checkpoints" / "checkpoint_best.pt")


@pytest.fixture
def data() -> Dataset:
    return prepare({"name": "libras", "train": 60, "dev": 8, "test": 4}, cache_root())


def renamed(stored: StoredModel, order: list[int]) -> dict[str, Tensor]:
    """Its weights under a script's names, the classes in another order."""
    names = {"projection": "net.fc_in", "expansion": "net.fc_mid", "output": "head.lin"}
    state = {}
    for name, tensor in reversed(stored.model.state_dict().items()):
        module, _, leaf = name.rpartition(".")
        if module == "output":
            tensor = tensor[torch.tensor(order)]
        state[f"{names.get(module, module.replace('layers', 'lstm'))}.{leaf}"] = tensor
    return state


@pytest.fixture
def foreign(student: StoredModel, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A model file, its settings, and its vocabulary with the blank at the end."""
    vocabulary = [*reversed(student.vocabulary[1:]), "<blank>"]
    order = [student.vocabulary.index(gloss) for gloss in vocabulary]
    model, settings, glosses = (tmp_path / name for name in ("m.pt", "c.json", "v.txt"))
    torch.save({"net": renamed(student, order), "wer": np.float32(9.5)}, model)
    shape = ("layers", "hidden", "projection", "subsampling")
    settings.write_text(json.dumps({name: getattr(student.config, name) for name in shape}))
    glosses.write_text("\n".join(vocabulary) + "\n")
    return model, settings, glosses


def adopt(call: Call, foreign: tuple[Path, Path, Path], *options: Any) -> tuple[int, str, str]:
    model, settings, glosses = foreign
    words = ("--config", settings, "--vocabulary", glosses, "--as", "teacher", "--data", DATA)
    return call("adopt", model, *words, *options)


def test_its_wer_is_measured_and_the_claim_compared(
    call: Call, foreign: tuple[Path, Path, Path], student: StoredModel, tmp_path: Path
) -> None:
    """The very WER of the original, though its classes stood in another order."""
    code, _, err = adopt(call, foreign, "--out", tmp_path / "a", "--claimed", student.wer + 9)
    assert code == 2 and "points apart, at most 0.5 are allowed" in err
    assert not [*(tmp_path / "a").rglob("*.pt")]
    code, out, _ = adopt(call, foreign, "--out", tmp_path / "a", "--claimed", student.wer, "--json")
    output = json.loads(out)
    assert code == 0 and output["wer"] == pytest.approx(student.wer)
    stored = load_model(Path(output["checkpoint"]))
    assert stored.wer == output["wer"] and stored.vocabulary == student.vocabulary
    for name, tensor in student.model.state_dict().items():
        assert torch.equal(stored.model.state_dict()[name], tensor)
    assert adopt(call, foreign, "--out", tmp_path / "a")[0] == 2  # it already exists


def test_an_unknown_order_of_glosses_is_refused(
    call: Call, foreign: tuple[Path, Path, Path], student: StoredModel, tmp_path: Path
) -> None:
    model, settings, _ = foreign
    words = ("adopt", model, "--config", settings, "--as", "teacher", "--data", DATA)
    code, _, err = call(*words)
    assert code == 2 and "it is not known which output" in err
    code, _, err = call(*words, "--claimed", student.wer)
    assert code == 2 and "points apart" in err
    assert not (tmp_path / "studies" / "adopted").exists() or not [
        *(tmp_path / "studies" / "adopted").rglob("*.pt")
    ]


def layer(*shape: int) -> Tensor:
    return torch.zeros(shape)


OURS = {
    "first.weight": layer(4, 4), "first.bias": layer(4),
    "blocks.0.weight": layer(4, 4), "blocks.0.bias": layer(4),
    "blocks.1.weight": layer(4, 4), "blocks.1.bias": layer(4),
}  # fmt: skip


def theirs(*names: str) -> dict[str, Tensor]:
    return {
        f"{n}.{leaf}": layer(*s) for n in names for leaf, s in (("weight", (4, 4)), ("bias", (4,)))
    }


def test_stacks_are_matched_by_their_numbers_not_by_their_place() -> None:
    found = match_weights(OURS, theirs("enc.10", "inp", "enc.9"))
    assert found.theirs["blocks.0.weight"] == "enc.9.weight"
    assert found.theirs["blocks.1.bias"] == "enc.10.bias"
    assert found.theirs["first.bias"] == "inp.bias" and not found.by_name


def test_a_part_in_front_is_left_out_and_layers_counted_from_1_keep_their_order() -> None:
    """A trainer's `model.` is no other name; `blocks.1` there is `blocks.0` here."""
    found = match_weights(OURS, theirs("model.blocks.0", "model.first", "model.blocks.1"))
    assert found.theirs["blocks.1.weight"] == "model.blocks.1.weight"
    found = match_weights(OURS, theirs("blocks.1", "blocks.2", "start"))
    assert found.theirs["blocks.0.weight"] == "blocks.1.weight"
    assert found.theirs["first.bias"] == "start.bias"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "b", "c"), "a, b, c may be any of first, blocks.0, blocks.1"),
        (("a", "enc.0", "enc.1", "enc.2"), "theirs a, enc.0, enc.1, enc.2"),
        (("enc.0", "enc.1", "enc.2"), "may be any of"),
    ],
)
def test_what_is_not_certain_is_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(Exception, match="it is not certain which weight is which") as refused:
        match_weights(OURS, theirs(*names))
    assert message in str(refused.value)


def test_a_persons_word_settles_it() -> None:
    given = {"a": "first", "b": "blocks.0", "c": "blocks.1"}
    found = match_weights(OURS, theirs("a", "b", "c"), given)
    assert found.theirs["blocks.1.weight"] == "c.weight"


class Evil:
    """Runs code when it is loaded."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": Evil()}, "loading it could run code"),
        ([1, 2], "contains a list"),
        ({"epoch": 3}, "contains no state dict"),
        ({"model": {"w": layer(1)}, "ema": {"w": layer(1)}}, "contains 2 state dicts: model, ema"),
        ({"model": {"w": layer(1)}}, "it is not certain which weight is which"),
    ],
)
def test_other_files_are_refused(
    call: Call,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: Any,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "m.pth")
    (tmp_path / "v.json").write_text(json.dumps({"A": 1, "B": 2}))
    words = ("--config", config, "--as", "teacher", "--unmeasured")
    code, _, err = call("adopt", tmp_path / "m.pth", *words, "--vocabulary", tmp_path / "v.json")
    assert code == 2 and message in err
    assert not Path("evil").exists()


def logits_of(student: StoredModel, data: Dataset, order: list[int]) -> dict[str, Any]:
    """Logits of train and dev by id, the classes in another order."""
    found = {}
    for split in (data.train, data.dev):
        for number, name in enumerate(split.ids):
            features = torch.tensor(split.frames(number))[None]
            output = student.model(features, torch.tensor([features.shape[1]]))
            found[name] = output.logits[:, 0].detach().numpy()[:, order]
    return found


def write_each(path: Path, found: dict[str, Any]) -> Path:
    np.savez(path.with_suffix(".npz"), **found)
    return path.with_suffix(".npz")


def write_padded(path: Path, found: dict[str, Any]) -> Path:
    """Log-probabilities, padded with NaN, in safetensors."""
    lengths = np.array([len(one) for one in found.values()])
    classes = next(iter(found.values())).shape[1]
    whole = np.full((len(found), lengths.max(), classes), np.nan, dtype=np.float32)
    for row, one in enumerate(found.values()):
        shifted = one - one.max(axis=1, keepdims=True)
        whole[row, : len(one)] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    arrays = {"log_probs": whole, "lengths": lengths}
    save_file(arrays, path.with_suffix(".safetensors"), metadata={"ids": json.dumps([*found])})
    return path.with_suffix(".safetensors")


def write_folder(path: Path, found: dict[str, Any]) -> Path:
    path.mkdir()
    for name, one in found.items():
        np.savez(path / f"{name}.npz", logits=one, length=len(one))
    return path


@pytest.mark.parametrize("write", [write_each, write_padded, write_folder])
def test_logits_teach_at_any_temperature_as_the_model_does(
    call: Call,
    student: StoredModel,
    data: Dataset,
    tmp_path: Path,
    write: Callable[[Path, dict[str, Any]], Path],
) -> None:
    """One epoch with a falling temperature: from the logits and from the teacher itself."""
    from small_runs import small_run

    order = [*range(len(data.vocabulary) - 1, -1, -1)]
    file = write(tmp_path / "logits", logits_of(student, data, order))
    (tmp_path / "v.json").write_text(json.dumps([data.vocabulary[n] for n in order]))
    words = ("adopt", file, "--as", "teacher", "--data", DATA, "--json", "--out", tmp_path / "t")
    code, out, err = call(*words, "--vocabulary", tmp_path / "v.json", "--claimed", student.wer)
    output = json.loads(out)
    assert code == 0 and output["wer"] == pytest.approx(student.wer), err
    assert output["subsampling"] == student.config.subsampling
    settings: dict[str, Any] = {
        "subsampling": student.config.subsampling,
        "loss_weights": {"alpha": 0.7, "beta": 0.3, "gamma": 0.0},
        "temperature": {"schedule": "linear", "start": 5.0, "end": 1.0},
    }
    rows = [
        small_run(data, "distill", teacher=teacher, **settings).run_epoch()
        for teacher in (tmp_path / "t", student.path)
    ]
    for name in ("train/loss", "train/loss_components/distillation_loss"):
        assert rows[0][name] == pytest.approx(rows[1][name], rel=1e-4)


def test_logits_of_other_utterances_or_glosses_are_refused(
    call: Call, student: StoredModel, data: Dataset, tmp_path: Path
) -> None:
    found = logits_of(student, data, [*range(len(data.vocabulary) - 1, -1, -1)])
    words = ("--as", "teacher", "--data", DATA, "--out", tmp_path / "t")
    code, _, err = call("adopt", write_each(tmp_path / "a", found), *words)
    assert code == 2 and ("another order is likely" in err or "not certain" in err)
    first = data.train.ids[0]
    code, _, err = call(
        "adopt", write_each(tmp_path / "b", {**found, first: found[first][1:]}), *words
    )
    assert code == 2 and f"utterance {first} has" in err
    del found[first]
    code, _, err = call("adopt", write_each(tmp_path / "c", found), *words)
    assert code == 2 and f"no outputs for 1 of 60 utterances of train: {first}" in err
    assert not (tmp_path / "t" / "train.json").exists()
