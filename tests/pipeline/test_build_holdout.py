"""Two files of one build: the calibration set, and the rows that are held out of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

import calibset
from calibset.cli import main
from calibset.core.errors import MixtureError, OutputError
from calibset.dataset.calibration_file import holdout_path, row_bytes
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.verify import verify
from calibset.hygiene.words import split_words
from calibset.recipe.loader import load_recipe
from tests.chatml import write_chatml
from tests.hygiene.word_index import WordIndex
from tests.prose import prose, reworded, write_recipe

COVERAGE = '\nselection = { method = "coverage", pool = 2 }'


def write(folder: Path, lines: str = "") -> Path:
    """Write a recipe of two sources."""
    web = [prose(number, 30) for number in range(80)]
    wiki = [prose(number, 30) for number in range(200, 280)]
    return write_recipe(folder, f"holdout.nsamples = 8{lines}", web=web, wiki=wiki)


def built(path: Path, *overrides: str) -> CalibrationSet:
    return calibset.build(load_recipe(path, overrides=overrides))


def held(made: CalibrationSet) -> CalibrationSet:
    assert made.holdout is not None
    return made.holdout


def documents(made: CalibrationSet) -> set[tuple[str, str]]:
    return {(sample.source, span.document) for sample in made for span in sample.documents}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("holdout"))


@pytest.fixture(scope="module")
def made(recipe: Path) -> CalibrationSet:
    return built(recipe)


# --- what stands in which -----------------------------------------------------------------


def test_the_files_share_no_document(made: CalibrationSet) -> None:
    assert (len(made), len(held(made))) == (24, 8)
    assert documents(made) & documents(held(made)) == set()
    assert documents(made)
    assert documents(held(made))


def test_nor_a_near_duplicate(tmp_path: Path) -> None:
    plain = [prose(number, 30) for number in range(20)]
    forms = {
        "web": [*plain, *map(reworded, plain)],
        "wiki": [*(f"{text} Also." for text in plain), *map(str.upper, plain)],
    }
    made = built(write_recipe(tmp_path, "holdout.nsamples = 8", **forms))
    texts = {
        (name, f"a.jsonl#{number}"): split_words(text)
        for name, given in forms.items()
        for number, text in enumerate(given)
    }
    index = WordIndex(near=True)
    for source, document in sorted(documents(made)):
        index.find_or_add(source, document, texts[source, document])
    for source, document in sorted(documents(held(made))):
        assert index.find_or_add(source, document, texts[source, document]) is None
    # Three of the four forms of each text that was met.
    assert sum(len(source.duplicates) for source in made.manifest.sources) >= 20


def test_both_have_the_same_mixture(tmp_path: Path) -> None:
    made = built(write(tmp_path), "sources.web.weight=3")
    assert Counter(sample.source for sample in made) == {"web": 18, "wiki": 6}
    assert Counter(sample.source for sample in held(made)) == {"web": 6, "wiki": 2}
    assert [source.asked for source in held(made).manifest.sources] == [6, 2]
    for one, step in ((made, 4), (held(made), 4)):
        for start in range(0, len(one), step):
            assert Counter(sample.source for sample in one[start : start + step]) == {"web": 3, "wiki": 1}


def test_both_are_the_same_each_time(recipe: Path, made: CalibrationSet) -> None:
    again = built(recipe)
    assert row_bytes(again) == row_bytes(made)
    assert row_bytes(held(again)) == row_bytes(held(made))
    assert again.manifest.to_json() == made.manifest.to_json()
    assert held(again).manifest.to_json() == held(made).manifest.to_json()
    other = built(recipe, "seed=7")
    assert row_bytes(other) != row_bytes(made)
    assert documents(held(other)) != documents(held(made))


def test_files_of_any_seed_and_size_keep_clear_of_one_holdout(tmp_path: Path) -> None:
    path = write_recipe(
        tmp_path,
        "holdout.nsamples = 4\nholdout.share = 0.25\nholdout.seed = 1",
        web=[prose(number, 30) for number in range(80)],
    )
    first = documents(held(built(path)))
    made = [built(path, f"seed={seed}", f"nsamples={rows}") for seed, rows in ((2, 8), (3, 12))]
    assert first
    assert all(documents(one) & first == set() for one in made)


def test_every_row_of_both_is_kept_by_the_quantizer(
    recipe: Path, made: CalibrationSet, tmp_path: Path
) -> None:
    out = made.write(tmp_path / "x.jsonl")
    for path, count in ((out, 24), (tmp_path / "x.holdout.jsonl", 8)):
        replay = verify(path, tokenizer=str(recipe.parent / "tokenizer.json"), seqlen=128, nsamples=count)
        assert (replay.kept, replay.passed) == (count, True)


def test_coverage_chooses_the_first_file_and_the_seed_the_second(
    tmp_path: Path, made: CalibrationSet
) -> None:
    covering = built(write(tmp_path, COVERAGE))
    assert covering.manifest.selection is not None
    assert held(covering).manifest.selection is None
    assert row_bytes(covering) != row_bytes(made)
    assert documents(covering) & documents(held(covering)) == set()
    assert [source.pool for source in held(covering).manifest.sources] == [4, 4]


def test_conversations_are_held_out_too(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "model").mkdir()
    write_chatml(tmp_path / "model")
    turns = [
        [(role, prose(2 * number + k, 15)) for k, role in enumerate(("user", "assistant"))]
        for number in range(60)
    ]
    talks = [{"messages": [{"role": role, "content": said} for role, said in talk]} for talk in turns]
    path = write_recipe(tmp_path, 'tokenizer = "model"\nholdout.nsamples = 4', talk=[*talks, *talks[:10]])
    made = built(path, "nsamples=8", "seqlen=512")
    assert (len(made), len(held(made))) == (8, 4)
    assert documents(made) & documents(held(made)) == set()


def test_a_source_that_is_too_small_for_both_runs_short_in_each(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, "holdout.nsamples = 8", one=[prose(number, 30) for number in range(12)])
    made = built(path)
    assert documents(made) & documents(held(made)) == set()
    assert made.manifest.sources[0].repeated > 0
    assert held(made).manifest.sources[0].repeated > 0
    with pytest.raises(MixtureError, match=r"^mixture: one gives "):
        built(path, "shortage=error")


# --- what is said of them -----------------------------------------------------------------


def test_what_packing_leaves_out_is_counted_for_the_file_that_it_is_packed_for(tmp_path: Path) -> None:
    # Both run short, so all is packed; texts of 20 words are no whole number of rows.
    texts = [prose(number, 20) for number in range(24)]
    made = calibset.build(write_recipe(tmp_path, "holdout.nsamples = 8", web=texts))
    (own,), (other,) = made.manifest.sources, held(made).manifest.sources
    both = made.filtered["web"]
    too_little = {reason for reason in {**own.filtered, **other.filtered} if "too little" in reason}
    assert too_little
    for reason in too_little:
        counted = own.filtered.get(reason, 0) + other.filtered.get(reason, 0)
        assert counted == sum(record.reason == reason for record in both)


def test_each_manifest_names_the_other_file(made: CalibrationSet) -> None:
    other = held(made)
    assert made.manifest.sha256 == hashlib.sha256(row_bytes(made)).hexdigest()
    assert other.manifest.sha256 == hashlib.sha256(row_bytes(other)).hexdigest()
    assert made.manifest.other is not None
    assert made.manifest.other.model_dump() == {
        "role": "holdout",
        "nsamples": 8,
        "sha256": other.manifest.sha256,
    }
    assert other.manifest.other is not None
    assert other.manifest.other.model_dump() == {
        "role": "calibration",
        "nsamples": 24,
        "sha256": made.manifest.sha256,
    }
    assert (other.manifest.nsamples, other.manifest.kept, len(other.manifest.samples)) == (8, 8, 8)
    assert other.holdout is None


def test_without_a_holdout_there_is_no_other(recipe: Path) -> None:
    plain = load_recipe(recipe).model_copy(update={"holdout": None})
    made = calibset.build(plain)
    assert (made.holdout, made.manifest.other) == (None, None)


def test_progress_tells_the_two_apart(recipe: Path) -> None:
    told: dict[str, tuple[int, int | None]] = {}

    def progress(source: str, done: int, asked: int | None) -> None:
        told[source] = (done, asked)

    calibset.build(recipe, progress=progress)
    assert told == {
        "web": (12, 12),
        "wiki": (12, 12),
        "web (holdout)": (4, 4),
        "wiki (holdout)": (4, 4),
    }


# --- how they are written -----------------------------------------------------------------

NAMES = ("x.jsonl", "x.manifest.json", "x.holdout.jsonl", "x.holdout.manifest.json")


def test_both_are_written_with_their_manifests(made: CalibrationSet, tmp_path: Path) -> None:
    assert made.write(tmp_path / "x.jsonl") == tmp_path / "x.jsonl"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
    assert (tmp_path / "x.jsonl").read_bytes() == row_bytes(made)
    assert (tmp_path / "x.manifest.json").read_text("utf-8") == made.manifest.to_json()
    assert (tmp_path / "x.holdout.jsonl").read_bytes() == row_bytes(held(made))
    assert (tmp_path / "x.holdout.manifest.json").read_text("utf-8") == held(made).manifest.to_json()


def test_the_holdout_may_stand_elsewhere(made: CalibrationSet, tmp_path: Path) -> None:
    made.write(tmp_path / "a.jsonl", tmp_path / "other" / "b.jsonl")
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert found == ["a.jsonl", "a.manifest.json", "other/b.jsonl", "other/b.manifest.json"]
    assert holdout_path(Path("d/a.b.jsonl")) == Path("d/a.b.holdout.jsonl")


@pytest.mark.parametrize("blocked", NAMES)
def test_a_write_that_fails_leaves_both_pairs_as_they_were(
    made: CalibrationSet, tmp_path: Path, blocked: str
) -> None:
    for name in NAMES:
        (tmp_path / name).mkdir() if name == blocked else (tmp_path / name).write_text(f"old {name}")
    with pytest.raises(OutputError) as caught:
        made.write(tmp_path / "x.jsonl")
    assert str(caught.value) == f"{tmp_path / blocked}: is a folder; nothing was changed"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
    assert all((tmp_path / name).read_text() == f"old {name}" for name in NAMES if name != blocked)


@pytest.mark.parametrize("holdout", ["x.jsonl", "d/../x.jsonl"])
def test_one_file_can_not_be_both(made: CalibrationSet, tmp_path: Path, holdout: str) -> None:
    (tmp_path / "x.jsonl").write_text("old")
    with pytest.raises(OutputError) as caught:
        made.write(tmp_path / "x.jsonl", tmp_path / holdout)
    assert str(caught.value) == f"{tmp_path / 'x.jsonl'}: can't be both the calibration file and its holdout"
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]
    assert (tmp_path / "x.jsonl").read_text() == "old"


def test_the_holdouts_name_is_one_that_a_quantizer_can_be_given(made: CalibrationSet, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"y\.json: a calibration file must end in \.jsonl"):
        made.write(tmp_path / "x.jsonl", tmp_path / "y.json")
    assert list(tmp_path.iterdir()) == []


# --- the command line -----------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["made.jsonl", "made.holdout.jsonl"]),
        (["--out", "x.jsonl"], ["x.jsonl", "x.holdout.jsonl"]),
        (["--set", "holdout.output=y.jsonl"], ["made.jsonl", "y.jsonl"]),
        (["--set", "output=x.jsonl", "--set", "holdout.output=y.jsonl"], ["x.jsonl", "y.jsonl"]),
    ],
)
def test_the_command_names_what_it_writes(
    recipe: Path, made: CalibrationSet, elsewhere: Path, words: list[str], names: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main(["build", str(recipe), *words]) == 0
    assert sorted(path.name for path in elsewhere.glob("*.jsonl")) == sorted(names)
    assert Path(names[0]).read_bytes() == row_bytes(made)
    assert Path(names[1]).read_bytes() == row_bytes(held(made))
    out = capsys.readouterr().out
    assert f"wrote {names[0]} (sha256 {made.manifest.sha256[:16]}…) and its manifest\n" in out
    assert f"wrote {names[1]}: 8 rows held out (sha256 {held(made).manifest.sha256[:16]}…), and" in out


def test_the_command_refuses_one_name_for_both(
    recipe: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["build", str(recipe), "--set", "holdout.output=y.jsonl", "--out", "y.jsonl"]
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "calibset: holdout.output y.jsonl: y.jsonl is written by --out y.jsonl already; name another file\n"
    )
    assert list(elsewhere.iterdir()) == []


def test_a_holdout_without_near_duplicates_left_out_is_a_fault_of_the_recipe(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(recipe), "--set", "sources.wiki.hygiene.duplicates=exact"]) == 2
    assert capsys.readouterr().err == (
        f'calibset: {recipe}: holdout: needs duplicates = "near" for every source, and wiki has "exact": '
        "otherwise both files may hold the same text\n"
    )
