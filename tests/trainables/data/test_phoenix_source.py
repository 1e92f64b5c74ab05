"""Data in the layout of PHOENIX-2014: packed as it is, and every defect named."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from phoenix_layout import Layout, write_phoenix

from trainables.data import Dataset, prepare
from trainables.data.config import parse_data_spec
from trainables.data.corpus import OFFICIAL_COUNTS, CorpusEntry, subset_warnings
from trainables.decoding.arpa import RESERVED
from trainables.errors import DataError


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return write_phoenix(tmp_path / "phoenix")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def message(layout: Layout, cache: Path) -> str:
    with pytest.raises(DataError) as error:
        prepare(layout.section, cache)
    return str(error.value)


def assert_same(dataset: Dataset, layout: Layout) -> None:
    for name, clips in layout.clips.items():
        split = getattr(dataset, name)
        assert split.ids == tuple(clip.id for clip in clips)
        assert split.signers == tuple(clip.signer for clip in clips)
        for i, clip in enumerate(clips):
            np.testing.assert_array_equal(split.frames(i), clip.features.astype(np.float32))
            assert list(split.references[i]) == clip.glosses
            assert [dataset.vocabulary[k] for k in split.target(i)] == clip.glosses


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_packed_is_what_was_written(tmp_path: Path, dtype: type) -> None:
    """Frames, glosses, ids and signers of every utterance, in the order of the corpus file."""
    layout = write_phoenix(tmp_path / "phoenix", dtype=dtype)
    dataset = prepare(layout.section, tmp_path / "cache")
    assert_same(dataset, layout)
    assert dataset.name == "phoenix"
    assert dataset.feature_size == 5
    assert dataset.vocabulary == ("<blank>", "ABEND", "HEUTE", "NORD", "REGEN", "SONNE", "WIND")
    assert dataset.folder == tmp_path / "cache" / "data" / dataset.hash


def test_si5_reads_its_own_corpus_files(tmp_path: Path) -> None:
    """One root may hold the corpus files of both subsets; they must never be mixed."""
    write_phoenix(tmp_path, sizes=(6, 3, 3), seed=1)
    si5 = write_phoenix(tmp_path, sizes=(4, 2, 1), subset="si5", seed=2)
    assert_same(prepare(si5.section, tmp_path / "cache"), si5)


def test_unknown_glosses_are_counted_and_kept_as_references(layout: Layout, cache: Path) -> None:
    """The vocabulary is train's alone; a dev gloss outside it can only be an error."""
    layout.clips["dev"][0].glosses = ["NORD", "SCHNEE", "NORD", "EIS", "SCHNEE"]
    layout.write_corpus("dev")
    dataset = prepare(layout.section, cache)
    assert "SCHNEE" not in dataset.vocabulary
    assert list(dataset.dev.references[0]) == ["NORD", "SCHNEE", "NORD", "EIS", "SCHNEE"]
    assert [dataset.vocabulary[k] for k in dataset.dev.target(0)] == ["NORD", "NORD"]
    assert dataset.statistics[1].unknown_glosses == {"EIS": 1, "SCHNEE": 2}
    assert dataset.statistics[1].unknown == 3
    assert dataset.statistics[2].unknown == 0


def test_an_utterance_of_unknown_glosses_has_an_empty_target(layout: Layout, cache: Path) -> None:
    layout.clips["dev"][1].glosses = ["SCHNEE"]
    layout.write_corpus("dev")
    dataset = prepare(layout.section, cache)
    assert dataset.dev.target(1).tolist() == []
    assert list(dataset.dev.references[2]) == layout.clips["dev"][2].glosses
    assert [dataset.vocabulary[k] for k in dataset.dev.target(2)] == list(dataset.dev.references[2])


# -- defects --------------------------------------------------------------------------------------


def resave(layout: Layout, split: str, number: int, array: np.ndarray) -> None:
    np.savez(layout.npz(split, number), features=array)


def nan(layout: Layout) -> str:
    array = layout.clips["dev"][1].features.copy()
    array[3, 2] = np.nan
    resave(layout, "dev", 1, array)
    return f"dev/{layout.clips['dev'][1].id}: "


def inf(layout: Layout) -> str:
    array = layout.clips["test"][2].features.copy()
    array[0, 0] = -np.inf
    resave(layout, "test", 2, array)
    return f"test/{layout.clips['test'][2].id}: "


def missing(layout: Layout) -> str:
    layout.npz("train", 4).unlink()
    return f"train/{layout.clips['train'][4].id}: "


def wrong_width(layout: Layout) -> str:
    # The first one: most others must win over whoever comes first.
    resave(layout, "train", 0, np.zeros((30, 6), dtype=np.float32))
    return f"train/{layout.clips['train'][0].id}: has 6 features per frame, must have 5"


def unreadable(layout: Layout) -> str:
    layout.npz("train", 2).write_bytes(layout.npz("train", 2).read_bytes()[:100])
    return f"train/{layout.clips['train'][2].id}: "


def objects(layout: Layout) -> str:
    np.savez(layout.npz("train", 2), features=np.array([[None]], dtype=object))
    return f"train/{layout.clips['train'][2].id}: "


def too_long(layout: Layout, *, split: str = "train", number: int = 3) -> str:
    """Not a defect: the utterance is left out and named."""
    clip = layout.clips[split][number]
    clip.glosses = ["NORD"] * 3
    layout.write_corpus(split)
    resave(layout, split, number, np.zeros((4, 5), dtype=np.float32))
    return f"{split}/{clip.id} has 4 frames, but CTC needs 5 for its 3 glosses"


def all_too_long(layout: Layout) -> str:
    for number in range(4):
        too_long(layout, number=number)
    return "train: 4 of 6 utterances are too short for CTC"


def duplicate(layout: Layout) -> str:
    layout.clips["train"][5].id = layout.clips["train"][1].id
    layout.write_corpus("train")
    return (
        f"train.corpus.csv:7: {layout.clips['train'][1].id}: the id is also at train.corpus.csv:3"
    )


def duplicate_across(layout: Layout) -> str:
    layout.clips["test"][0].id = layout.clips["train"][1].id
    layout.write_corpus("test")
    return f"test.corpus.csv:2: {layout.clips['train'][1].id}: the id is also at train.corpus.csv:3"


def empty_split(layout: Layout) -> str:
    layout.clips["dev"] = []
    layout.write_corpus("dev")
    return "dev.corpus.csv: the split is empty"


def empty_file(layout: Layout) -> str:
    layout.corpus("dev").write_text("")
    return "dev.corpus.csv:1: header ''"


def empty_annotation(layout: Layout) -> str:
    layout.clips["dev"][2].glosses = []
    layout.write_corpus("dev")
    return f"dev.corpus.csv:4: {layout.clips['dev'][2].id}: the annotation is empty"


def blank_as_gloss(layout: Layout) -> str:
    layout.clips["train"][2].glosses = ["NORD", "<blank>"]
    layout.write_corpus("train")
    return f"train.corpus.csv:4: {layout.clips['train'][2].id}: <blank> is CTC's blank"


def missing_corpus(layout: Layout) -> str:
    layout.corpus("test").unlink()
    return "test.corpus.csv: is missing in "


def wrong_header(layout: Layout) -> str:
    path = layout.corpus("train")
    path.write_text(path.read_text().replace("|", ","))
    return "train.corpus.csv:1: header 'id,folder,signer,annotation'"


def short_row(layout: Layout) -> str:
    with layout.corpus("train").open("a") as file:
        file.write("some_id|some_folder\n")
    return "train.corpus.csv:8: some_id: has 2 fields, must have 4"


def id_out_of_the_folder(layout: Layout) -> str:
    layout.clips["train"][1].id = "../test/secret"
    layout.write_corpus("train")
    return "train.corpus.csv:3: '../test/secret' cannot be the id of an utterance"


def not_utf8(layout: Layout) -> str:
    layout.corpus("train").write_bytes("id|folder|signer|annotation\nä".encode("latin-1"))
    return "train.corpus.csv: is not UTF-8"


def not_utf8_of_test(layout: Layout) -> str:
    layout.corpus("test").write_bytes("id|folder|signer|annotation\nä".encode("latin-1"))
    return "test.corpus.csv: is not UTF-8"


def no_folder(layout: Layout) -> str:
    shutil.rmtree(layout.npz("dev", 0).parent)
    return (
        f"the features of all 3 utterances are missing, starting with {layout.clips['dev'][0].id}"
    )


DEFECTS = (nan, inf, missing, wrong_width, unreadable, objects, all_too_long, duplicate)
DEFECTS += (duplicate_across, empty_split, empty_file, empty_annotation, blank_as_gloss)
DEFECTS += (missing_corpus, wrong_header, short_row, id_out_of_the_folder, not_utf8, no_folder)


@pytest.mark.parametrize("mark", sorted({*RESERVED, "<UNK>"}))
@pytest.mark.parametrize("split", ["train", "test"])
def test_marks_of_language_models_are_no_glosses(
    layout: Layout, cache: Path, split: str, mark: str
) -> None:
    """Trained on, they would end every language model's estimation, hours later."""
    layout.clips[split][2].glosses = ["NORD", mark]
    layout.write_corpus(split)
    expected = f"{split}.corpus.csv:4: {layout.clips[split][2].id}: {mark} is a mark of language"
    assert expected in message(layout, cache)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: str(defect.__name__))
def test_every_defect_names_its_place(
    layout: Layout, cache: Path, defect: Callable[[Layout], str]
) -> None:
    """One wrong file among thousands must be found by its name, and nothing be packed."""
    expected = defect(layout)
    assert expected in message(layout, cache)
    assert not list((cache / "data").glob("[0-9a-f]*"))


def test_all_defects_are_reported_at_once(layout: Layout, cache: Path) -> None:
    """Packing takes minutes; one problem a time would take days."""
    expected = [
        defect(layout)
        for defect in (nan, wrong_width, missing, unreadable, not_utf8_of_test, short_row)
    ]
    sentence = message(layout, cache)
    assert all(text in sentence for text in expected)
    assert "phoenix data: 6 problems" in sentence


def test_a_long_list_is_cut_and_written_out(tmp_path: Path, cache: Path) -> None:
    """Thousands of missing files must not flood the terminal, nor be lost."""
    layout = write_phoenix(tmp_path / "phoenix", sizes=(30, 3, 3))
    for number in range(30):
        layout.npz("train", number).unlink()
    text = message(layout, cache)
    assert "phoenix data: 30 problems" in text
    assert text.count("is missing") == 20
    assert "and 10 more; all are listed in " in text
    (full,) = (cache / "data").glob("*.problems.txt")
    assert str(full) in text
    assert len(full.read_text().splitlines()) == 30


def test_repaired_data_is_packed(layout: Layout, cache: Path) -> None:
    """A failed attempt must leave nothing in the way of the next."""
    nan(layout)
    message(layout, cache)
    layout.write_features("dev")
    assert_same(prepare(layout.section, cache), layout)


def test_missing_folders_are_named(layout: Layout, cache: Path) -> None:
    with pytest.raises(DataError, match="data.root: /nowhere is not a folder"):
        prepare({**layout.section, "root": "/nowhere"}, cache)
    with pytest.raises(DataError, match=r"data\.features") as error:
        prepare({**layout.section, "features": "pose"}, cache)
    assert error.value.hint == "Features there: i3d."


def test_other_subset_is_suggested(layout: Layout, cache: Path) -> None:
    """Asking for SI5 in a multisigner folder shows what is there."""
    with pytest.raises(DataError, match=r"train\.SI5\.corpus\.csv: is missing") as error:
        prepare({**layout.section, "subset": "si5"}, cache)
    assert "dev.corpus.csv, test.corpus.csv, train.corpus.csv" in error.value.message


# -- reading corpus files as they come ----------------------------------------------------------


def test_windows_line_ends_spaces_and_quotes(layout: Layout, cache: Path) -> None:
    """Files go through editors; a quotation mark has no meaning in this format."""
    clip = layout.clips["train"][1]
    clip.glosses = ['"NORD', "S+U+D"]
    layout.write_corpus("train")
    text = layout.corpus("train").read_text().replace('"NORD S', '  "NORD   S')
    layout.corpus("train").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert list(prepare(layout.section, cache).train.references[1]) == ['"NORD', "S+U+D"]


def test_annotations_in_quotes_are_refused(layout: Layout, cache: Path) -> None:
    """R and some CSV writers quote every text: "NORD and NORD would be two glosses."""
    for clip in layout.clips["dev"]:
        clip.glosses = ['"' + clip.glosses[0], *clip.glosses[1:-1], clip.glosses[-1] + '"']
    layout.write_corpus("dev")
    with pytest.raises(DataError, match=r"dev\.corpus\.csv:2: .* in double quotes") as error:
        prepare(layout.section, cache)
    assert error.value.message.startswith("phoenix data: 1 problem")


def test_without_signers_they_are_unknown(layout: Layout, cache: Path) -> None:
    """An empty column must not make one signer of all, which would widen every interval."""
    for clip in layout.clips["train"]:
        clip.signer = ""
    layout.write_corpus("train")
    dataset = prepare(layout.section, cache)
    assert dataset.train.signers is None
    assert dataset.dev.signers is not None


@pytest.mark.parametrize("subset", ["multisigner", "si5"])
def test_the_size_of_the_other_subset_is_warned_about(subset: str) -> None:
    """Two users once compared results of the two subsets."""
    for name, counts in OFFICIAL_COUNTS.items():
        corpora = {split: [CorpusEntry("x", "", ("A",))] * count for split, count in counts.items()}
        warnings = subset_warnings(corpora, subset)  # type: ignore[arg-type]
        assert len(warnings) == (0 if name == subset else 3)
        assert all(f"as in the subset {name}" in warning for warning in warnings)


def test_warnings_are_kept_with_the_data(
    layout: Layout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning must appear on each use, not only when the data was packed."""
    monkeypatch.setitem(OFFICIAL_COUNTS["si5"], "dev", 3)
    for _ in range(2):
        (warning,) = prepare(layout.section, cache).warnings
        assert "dev has 3 utterances, as in the subset si5" in warning


# -- left out ------------------------------------------------------------------------------------


def test_an_utterance_too_short_for_ctc_is_left_out_and_named(layout: Layout, cache: Path) -> None:
    """PHOENIX-2014's own train has one; refused, the official files had to be edited by hand."""
    text = too_long(layout)
    dataset = prepare(layout.section, cache)
    clip = layout.clips["train"].pop(3)
    assert_same(dataset, layout)
    (warning,) = dataset.warnings
    assert warning == f"1 utterance too short for CTC, left out of training: {text}"
    assert clip.id not in dataset.train.ids
    assert dataset.statistics[0].sentences == 5
    assert prepare(layout.section, cache).facts["too_short"] == [text]


def test_a_short_utterance_of_dev_is_measured_and_named(layout: Layout, cache: Path) -> None:
    """Left out of dev, it would make the rate better than the truth."""
    text = too_long(layout, split="dev", number=1)
    dataset = prepare(layout.section, cache)
    assert len(dataset.dev) == 3
    assert (
        text in dataset.warnings[0] and "not all glosses can be recognised" in dataset.warnings[0]
    )


def test_named_utterances_are_left_out(layout: Layout, cache: Path) -> None:
    """Whatever is wrong with them: files that are missing, annotations that are empty."""
    missing(layout)
    empty_annotation(layout)
    names = [layout.clips["train"].pop(4).id, layout.clips["dev"].pop(2).id]
    section = {**layout.section, "exclude": names}
    dataset = prepare(section, cache)
    assert_same(dataset, layout)
    (warning,) = dataset.warnings
    assert warning == (
        f"2 utterances left out, as data.exclude says: train/{names[0]}; dev/{names[1]}"
    )
    with pytest.raises(DataError, match="data.exclude: 'nobody' is not in any corpus file"):
        prepare({**section, "exclude": [*names, "nobody"]}, cache)


def test_without_exclude_the_section_is_as_before() -> None:
    """Else every stored study of such data would be of another space."""
    section = {"name": "phoenix", "root": "x", "features": "y", "subset": "si5"}
    assert parse_data_spec(section).model_dump() == section


# -- PHOENIX-2014-T ------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "PHOENIX-2014-T."])
def test_phoenix_2014_t_is_read(layout: Layout, cache: Path, prefix: str) -> None:
    """Its files have another heading and other names; its translation is no gloss."""
    for split, clips in layout.clips.items():
        path = layout.corpus(split)
        path.unlink()
        lines = ["name|video|start|end|speaker|orth|translation"]
        lines += [
            f"{c.id}|{c.id}/1/*.png|-1|-1|{c.signer}|{' '.join(c.glosses)}|und nun das wetter"
            for c in clips
        ]
        path.with_name(prefix + path.name).write_text("\n".join(lines) + "\n")
    assert_same(prepare(layout.section, cache), layout)


# -- text as it enters ---------------------------------------------------------------------------


def test_what_looks_equal_is_one_gloss(layout: Layout, cache: Path) -> None:
    """An umlaut of two characters in dev was a gloss that train lacks: an error in every rate."""
    train, dev = layout.clips["train"][1], layout.clips["dev"][1]
    train.glosses, dev.glosses = ["SÜD", "NORD"], ["SU\N{COMBINING DIAERESIS}D", "NORD"]
    layout.npz("dev", 1).rename(layout.npz("dev", 1).with_name("Ko\N{COMBINING DIAERESIS}ln.npz"))
    dev.id = "Köln"
    layout.write_corpus("train")
    layout.write_corpus("dev")
    layout.corpus("dev").write_bytes(layout.corpus("dev").read_text().encode("utf-16"))
    dataset = prepare(layout.section, cache)
    assert dataset.dev.references[1] == dataset.train.references[1] == ("SÜD", "NORD")
    assert dataset.statistics[1].unknown == 0


# -- identity -----------------------------------------------------------------------------------


def test_hash_is_of_the_content(tmp_path: Path, layout: Layout) -> None:
    """The same data in another place, with other times, is the same data."""
    shutil.copytree(layout.root, tmp_path / "elsewhere", copy_function=shutil.copy)
    first = prepare(layout.section, tmp_path / "one")
    second = prepare({**layout.section, "root": str(tmp_path / "elsewhere")}, tmp_path / "two")
    shared = prepare({**layout.section, "root": str(tmp_path / "elsewhere")}, tmp_path / "one")
    assert first.hash == second.hash == shared.hash
    assert first.folder == shared.folder


def change_value(layout: Layout) -> None:
    array = layout.clips["train"][0].features.copy()
    array[0, 0] += 1
    resave(layout, "train", 0, array)


def change_gloss(layout: Layout) -> None:
    layout.clips["dev"][0].glosses[0] = "WIND"
    layout.write_corpus("dev")


def change_signer(layout: Layout) -> None:
    layout.clips["dev"][0].signer = "Signer09"
    layout.write_corpus("dev")


def move_a_frame(layout: Layout) -> None:
    """All frames one after the other stay the same; only where an utterance ends changes."""
    first, second = (layout.clips["test"][i].features for i in (0, 1))
    resave(layout, "test", 0, first[:-1])
    resave(layout, "test", 1, np.concatenate([first[-1:], second]))


@pytest.mark.parametrize("change", [change_value, change_gloss, change_signer, move_a_frame])
def test_any_change_of_the_data_is_seen(
    layout: Layout, cache: Path, change: Callable[[Layout], None]
) -> None:
    """A stale pack would train on what is no longer there."""
    before = prepare(layout.section, cache).hash
    change(layout)
    assert prepare(layout.section, cache).hash != before


def test_features_and_subset_are_part_of_the_hash(tmp_path: Path) -> None:
    """Equal content under another name or subset must still be told apart."""
    hashes = set()
    for features, subset in (("i3d", "multisigner"), ("pose", "multisigner"), ("i3d", "si5")):
        layout = write_phoenix(tmp_path / "root", features=features, subset=subset)
        hashes.add(prepare(layout.section, tmp_path / "cache").hash)
    assert len(hashes) == 3


def test_packing_never_holds_the_whole_set(tmp_path: Path) -> None:
    """The real set has 6 GB or more; here 16 MB must pass through less than 2 MB."""
    layout = write_phoenix(tmp_path, sizes=(60, 10, 10), width=512, frames=(99, 101))
    section = layout.section
    total = sum(clip.features.nbytes for clips in layout.clips.values() for clip in clips)
    assert total > 15e6
    tracemalloc.start()
    prepare(section, tmp_path / "cache")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6


def test_progress_counts_every_utterance(layout: Layout, cache: Path) -> None:
    """A bar that stops short looks like a hang."""
    calls: list[tuple[int, int]] = []
    prepare(layout.section, cache, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 12) for done in range(1, 13)]
