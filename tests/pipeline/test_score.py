"""Scores of whole corpora, and builds that choose by them."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars
import pyarrow
import pyarrow.parquet
import pytest

import calibset
from calibset.core.errors import CalibsetError, LockError, OutputError, RecipeError, SourceError
from calibset.pipeline.scoring.shards import ShardSummary, parse_name
from calibset.sources import corpus_parts
from calibset.sources.adapters.jsonl import Jsonl
from calibset.sources.corpus_parts import CorpusFile
from calibset.sources.sampling.parquet_pages import Page
from calibset.storage.local import LocalReader
from calibset.storage.score_folder import ScoreFolder
from tests.letters import write_letters
from tests.pipeline.small_builds import Heard

RECIPE = """\
name = "scored"
nsamples = 6
seqlen = 64
tokenizer = "tokenizer.json"

[groups]
web = 1.0

[sources.web]
group = "web"
type = "{kind}"
where = "web"
scores = "scores"
"""

_WORDS = (
    "harbour", "river", "mountain", "lantern", "copper", "village", "orchard", "winter", "candle", "bridge",
    "market", "engine", "violin", "paper", "garden", "meadow", "thunder", "silver", "window", "kitchen",
)  # fmt: skip


def text(number: int) -> str:
    """Return a text of its own; of ten one repeats another, and one nearly."""
    if number % 10 == 9:
        return text(number - 5)
    if number % 10 == 8:
        return f"{text(number - 5)} Again."
    draw = random.Random(number)
    return " ".join(f"{word} {draw.choice(_WORDS)[:3]}{draw.randrange(999)}" for word in _WORDS) + "."


def write(folder: Path, *, parquet: bool = False, documents: int = 40) -> Path:
    write_letters(folder)
    (folder / "web").mkdir()
    texts = [text(number) for number in range(documents)]
    if parquet:
        pyarrow.parquet.write_table(
            pyarrow.table({"text": texts}), folder / "web" / "a.parquet", row_group_size=10,
            data_page_size=1, write_batch_size=1, use_dictionary=False,
        )  # fmt: skip
    else:
        lines = [json.dumps({"text": one}) for one in texts]
        (folder / "web" / "a.jsonl").write_text("\n".join([*lines[:20], "{broken", ""]))
        (folder / "web" / "b.jsonl").write_text("\n".join(lines[20:]))
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(kind="parquet" if parquet else "jsonl"))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def shards(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if parse_name(path.name))


def test_every_document_is_scored_once(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    heard = Heard()
    (scored,) = calibset.score(recipe, progress=heard)
    assert (scored.parts, scored.new, scored.documents, scored.admitted, scored.repeats) == (2, 2, 41, 40, 8)
    assert scored.verdicts == {"not valid JSON": 1}
    assert sum(scored.languages.values()) == 40
    assert heard.calls[-1] == ("web", 2, 2)
    frame = polars.concat(polars.read_parquet(path) for path in shards(tmp_path / "scores"))
    whole = frame.filter(polars.col("verdict").is_null())
    assert sorted(whole["characters"]) == sorted(len(text(number)) for number in range(40))
    assert whole["tokens"].sum() == scored.tokens
    assert whole["quality"].is_between(0, 1).all()


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    left = tmp_path / "scores" / ".shard.parquet.abc.tmp"
    left.parent.mkdir()
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    calibset.score(recipe)
    assert not left.exists()


@pytest.mark.parametrize("parquet", [False, True])
def test_what_is_scored_is_skipped_and_nothing_of_the_corpus_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parquet: bool
) -> None:
    recipe = write(tmp_path, parquet=parquet)
    calibset.score(recipe)
    before = contents(tmp_path / "scores")
    gone = shards(tmp_path / "scores")[0]
    gone.unlink()
    (scored,) = calibset.score(recipe)
    assert scored.new == 1
    assert contents(tmp_path / "scores") == before

    opened: list[str] = []
    real = LocalReader._file

    def watched(self: LocalReader, name: str, path: Path) -> Any:
        def refuse() -> Any:
            raise AssertionError(name)

        opened.append(name)
        file = real(self, name, path)
        return replace(file, open_bytes=refuse) if name.startswith(("a.", "b.")) else file

    monkeypatch.setattr(LocalReader, "_file", watched)
    assert calibset.score(recipe)[0].new == 0
    assert contents(tmp_path / "scores") == before
    assert opened


@pytest.mark.parametrize("parquet", [False, True])
def test_scores_may_be_at_a_url(tmp_path: Path, parquet: bool) -> None:
    recipe = write(tmp_path, parquet=parquet)
    url = f"memory://{uuid4().hex}/scores"
    (scored,), (here,) = calibset.score(recipe, scores=url), calibset.score(recipe)
    assert replace(scored, folder="scores") == here
    assert calibset.score(recipe, scores=url)[0].new == 0
    changes = {"sources.web.choose": "coverage"}
    (there,) = calibset.build(recipe, **changes, **{"sources.web.scores": url}).manifest.sources
    assert there.scores == calibset.build(recipe, **changes).manifest.sources[0].scores
    with pytest.raises(
        RecipeError, match=r"^memory://.*: only this process sees it; name a folder, or score"
    ):
        calibset.score(recipe, scores=url, workers=2)


def test_a_store_whose_package_is_missing_is_named(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    with pytest.raises(
        OutputError, match=r"^sources\.web: s3://bucket/scores: can't be opened: Install s3fs"
    ):
        calibset.score(recipe, scores="s3://bucket/scores")


def test_letters_count_for_scores_without_coverage_of_rows(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe, **{"selection.letters": "hz"})
    frame = polars.concat(polars.read_parquet(path) for path in shards(tmp_path / "scores"))
    assert frame.filter(polars.col("verdict").is_null())["terms"].unique().to_list() == [1]
    built = calibset.build(recipe, **{"selection.letters": "hz", "sources.web.choose_where": "terms == 1"})
    assert len(built) == 6
    with pytest.raises(RecipeError, match=r'selection\.pool: is only for method = "coverage"'):
        calibset.build(recipe, **{"selection.pool": 2})


def test_what_an_adapter_raises_is_an_error_of_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise ZeroDivisionError("no rows")

    monkeypatch.setattr(Jsonl, "read", broken)
    with pytest.raises(SourceError, match=r"^sources\.web: can't be read: ZeroDivisionError: no rows$"):
        calibset.score(write(tmp_path))


def test_the_footers_of_few_files_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write(tmp_path, parquet=True)
    for number in range(3):
        table = pyarrow.table({"text": [text(1_000 + number)]})
        pyarrow.parquet.write_table(table, tmp_path / "web" / f"{number}.parquet")
    (whole,) = calibset.score(recipe)
    monkeypatch.setattr(corpus_parts, "_MOST_FOOTERS", 1)
    (again,) = calibset.score(recipe, scores="other")
    assert replace(again, folder="scores") == whole
    assert contents(tmp_path / "scores") == contents(tmp_path / "other")


def test_languages_are_those_that_the_filter_found(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    calibset.score(recipe, scores="filtered", **{"hygiene.languages": ["de"], "hygiene.language_score": 0.1})
    columns = ("language", "language_score")
    found, judged = (
        polars.concat(polars.read_parquet(path, columns=[*columns, "verdict", "id", "words"])
                      for path in shards(tmp_path / name)).sort("id")
        for name in ("scores", "filtered")
    )  # fmt: skip
    assert found.select(columns).equals(judged.select(columns))
    assert found["words"].equals(judged["words"])
    assert "in en, not in an expected language" in set(judged["verdict"])


class Shuffled(Executor):
    """An executor that finishes what it was given last first."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._waiting: list[tuple[Future[Any], Any, Any]] = []

    def submit(self, call: Any, /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.insert(0, (future, call, args))
        self._pool.submit(self._run)
        return future

    def _run(self) -> None:
        future, call, args = self._waiting.pop(0)
        future.set_result(call(*args))


def test_the_scores_are_the_same_whoever_makes_them(tmp_path: Path) -> None:
    recipe = write(tmp_path, parquet=True)
    calibset.score(recipe)
    calibset.score(recipe, scores="other", executor=Shuffled())
    assert contents(tmp_path / "scores") == contents(tmp_path / "other")


@pytest.mark.parametrize("at_url", [False, True])
def test_what_another_machine_scores_meanwhile_is_skipped(tmp_path: Path, at_url: bool) -> None:
    recipe = write(tmp_path, parquet=True)
    scores = f"memory://{uuid4().hex}/scores" if at_url else "scores"
    others, told = [], []

    def another_machine(_: str, done: int, asked: int | None) -> None:
        told.append((done, asked))
        if done == 1:
            others.extend(calibset.score(recipe, scores=scores))

    (scored,) = calibset.score(recipe, scores=scores, progress=another_machine)
    assert told == [(0, 4), (1, 4), (4, 4)]
    assert [one.new for one in (scored, *others)] == [1, 3]
    assert replace(scored, new=3) == others[0]


@pytest.mark.slow
def test_the_scores_are_the_same_from_several_processes(tmp_path: Path) -> None:
    recipe = write(tmp_path, parquet=True)
    calibset.score(recipe)
    calibset.score(recipe, scores="other", workers=2)
    assert contents(tmp_path / "scores") == contents(tmp_path / "other")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, Path]:
    """Recipes of 400 documents that have scores, in JSON lines and in Parquet."""
    recipes = {
        parquet: write(tmp_path_factory.mktemp("scored"), parquet=parquet, documents=400)
        for parquet in (False, True)
    }
    for recipe in recipes.values():
        calibset.score(recipe)
    return recipes


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize(
    "choose",
    [
        "random",
        pytest.param("quality", marks=pytest.mark.slow),
        pytest.param("coverage", marks=pytest.mark.slow),
    ],
)
def test_a_build_reads_only_what_it_chooses(scored: Mapping[bool, Path], choose: str, parquet: bool) -> None:
    recipe = scored[parquet]
    changes = {"sources.web.choose": choose, "sources.web.choose_where": "tokens >= 100"}
    built = calibset.build(recipe, **changes)
    again = calibset.build(recipe, **changes)
    assert [sample.text for sample in built] == [sample.text for sample in again]
    assert built.manifest == again.manifest
    assert len(built) == 6
    (source,) = built.manifest.sources
    assert source.scores is not None
    assert (source.scores.choose, source.scores.documents) == (choose, 400 + (not parquet))
    assert (source.scores.repeats, source.scores.eligible) == (80, 320)
    assert not source.duplicates
    locked = built.lock.sources["web"]
    assert locked.scores == source.scores.sha256
    if choose == "random" and not parquet:
        read = sum(end - start for file in locked.files.values() for start, end in file.extents)
        assert read < 0.5 * sum(file.size or 0 for file in locked.files.values())


def test_shards_and_files_read_whole_are_opened_once_for_many_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write(tmp_path, documents=400)
    for path in (tmp_path / "web").iterdir():
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()
    calibset.score(recipe)
    opened: Counter[str] = Counter()
    real_open, real_fetch = ScoreFolder.open, CorpusFile.fetch

    def counted_open(self: ScoreFolder, name: str) -> Any:
        opened["shard"] += bool(parse_name(name))
        return real_open(self, name)

    def counted_fetch(self: CorpusFile, *args: Any) -> Any:
        opened["file"] += 1
        return real_fetch(self, *args)

    monkeypatch.setattr(ScoreFolder, "open", counted_open)
    monkeypatch.setattr(CorpusFile, "fetch", counted_fetch)
    built = calibset.build(recipe, nsamples=150, max_rows_per_document=1)
    assert 64 < built.manifest.sources[0].documents_read <= 192
    # Of two shards: for their sums, for the order, and where the first 64 documents and the next 128 are.
    assert opened == {"shard": 8, "file": 4}


def test_a_lock_holds_to_its_scores(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    built = calibset.build(recipe, **{"sources.web.choose": "quality"})
    recipe.write_text(RECIPE.format(kind="jsonl") + 'choose = "quality"\n')
    built.lock.write(tmp_path / "recipe.lock")
    assert calibset.build(recipe, lock="require").manifest.sha256 == built.manifest.sha256
    repeats = next((tmp_path / "scores").glob("repeats-*"))
    polars.read_parquet(repeats).head(0).write_parquet(repeats)
    with pytest.raises(LockError, match=r"sources\.web\.scores"):
        calibset.build(recipe, lock="require")


def test_scores_that_are_not_of_this_corpus_or_these_rules_are_refused(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    with pytest.raises(
        SourceError, match=r"^sources\.web: scores holds no scores; make them with `calibset score`$"
    ):
        calibset.build(recipe)
    calibset.score(recipe)
    with pytest.raises(SourceError, match=r"scored by other rules \(source\.hygiene\.pii differs now\)"):
        calibset.build(recipe, **{"sources.web.hygiene.pii": "mask"})
    with pytest.raises(
        SourceError, match=r"^sources\.web: none of the 41 documents that were scored meets the"
    ):
        calibset.build(recipe, **{"sources.web.choose_where": "tokens > 99999"})
    kept = contents(tmp_path / "scores")
    repeats = next((tmp_path / "scores").glob("repeats-*"))
    repeats.unlink()
    with pytest.raises(SourceError, match="which documents repeat another is not known yet"):
        calibset.build(recipe)
    shards(tmp_path / "scores")[1].unlink()
    with pytest.raises(SourceError, match=r"holds no scores of .\.jsonl as it is now"):
        calibset.build(recipe)
    for name, content in kept.items():
        (tmp_path / "scores" / name).write_bytes(content)
    with (tmp_path / "web" / "b.jsonl").open("a") as stream:
        stream.write("\n" + json.dumps({"text": "One more."}))
    with pytest.raises(
        SourceError, match=r"holds no scores of b\.jsonl as it is now: it was added or has changed"
    ):
        calibset.build(recipe)


def test_a_plan_and_a_check_say_what_the_scores_choose(tmp_path: Path) -> None:
    recipe = write(tmp_path, documents=400)
    (planned,), (checked,) = calibset.plan(recipe).sources, calibset.check(recipe)
    fault = "sources.web: scores holds no scores; make them with `calibset score`"
    assert (planned.problem, planned.scores, planned.reads) == (fault, None, None)
    assert (checked.problem, checked.scores, checked.stats.documents) == (fault, None, 320)
    calibset.score(recipe)
    changes = {"sources.web.choose": "quality", "sources.web.choose_where": "tokens >= 100"}
    (planned,), (checked,) = calibset.plan(recipe, **changes).sources, calibset.check(recipe, **changes)
    built = calibset.build(recipe, **changes)
    assert planned.scores == checked.scores == built.manifest.sources[0].scores
    assert planned.scores is not None
    assert (planned.scores.eligible, planned.problem, checked.problem) == (320, None, None)
    read = sum(
        end - start for file in built.lock.sources["web"].files.values() for start, end in file.extents
    )
    assert planned.reads is not None
    assert 0.5 * read < planned.reads < 2 * read
    shards(tmp_path / "scores")[0].write_bytes(b"damaged")
    assert "can't be read as scores" in (calibset.plan(recipe).sources[0].problem or "")
    assert calibset.plan(recipe, tries=False).sources[0].problem is None


def test_a_plan_reads_evaluation_sets_once_for_all_scored_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write(tmp_path)
    (tmp_path / "asked.jsonl").write_text(json.dumps({"text": text(1)}) + "\n")
    asked = '[[exclude]]\nname = "asked"\ntype = "jsonl"\nwhere = "asked.jsonl"\n'
    one = RECIPE.format(kind="jsonl") + asked
    two = f"[sources.sea]{RECIPE.format(kind='jsonl').partition('[sources.web]')[2]}"
    recipe.write_text(one + two)
    calibset.score(recipe)
    opened: Counter[str] = Counter()
    real = LocalReader._file

    def counted(self: LocalReader, name: str, path: Path) -> Any:
        def open_bytes() -> Any:
            opened[name] += 1
            return file.open_bytes()

        file = real(self, name, path)
        return replace(file, open_bytes=open_bytes)

    monkeypatch.setattr(LocalReader, "_file", counted)
    planned = calibset.plan(recipe)
    assert [(source.problem, source.scores is None) for source in planned.sources] == [(None, False)] * 2
    for_two = opened.pop("asked.jsonl")
    recipe.write_text(one)
    calibset.plan(recipe)
    assert opened["asked.jsonl"] == for_two


def test_a_check_goes_on_where_a_scored_corpus_is_gone(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    (tmp_path / "web").rename(tmp_path / "gone")
    (checked,) = calibset.check(recipe)
    assert (checked.problem or "").startswith("web: no such file or folder under")
    assert checked.scores is None


@pytest.mark.parametrize("parquet", [False, True])
def test_files_without_records_need_no_scores(tmp_path: Path, parquet: bool) -> None:
    recipe = write(tmp_path, parquet=parquet)
    if parquet:
        empty = pyarrow.table({"text": pyarrow.array([], pyarrow.string())})
        pyarrow.parquet.write_table(empty, tmp_path / "web" / "empty.parquet")
    else:
        (tmp_path / "web" / "empty.jsonl").write_bytes(b"")
    calibset.score(recipe)
    assert len(calibset.build(recipe).samples) == 6


def test_parts_that_are_missing_are_counted(tmp_path: Path) -> None:
    recipe = write(tmp_path, parquet=True)
    calibset.score(recipe)
    shards(tmp_path / "scores")[2].unlink()
    with pytest.raises(
        SourceError, match=r"scores: 1 of 4 parts are not scored yet, the first of a\.parquet"
    ):
        calibset.build(recipe)


def rename_parts(path: Path, part: int, parts: int) -> Path:
    """Return the path of a shard as if its file had other parts."""
    file, _, _, _, rules = path.name.split("-")
    return path.with_name(f"{file}-{part:06d}-of-{parts:06d}-{rules}")


def test_shards_named_for_parts_that_a_file_does_not_have_count_as_none(tmp_path: Path) -> None:
    recipe = write(tmp_path, parquet=True)
    calibset.score(recipe)
    built = calibset.build(recipe).samples
    first = shards(tmp_path / "scores")[0]
    for part, parts in ((0, 999_999), (9, 4), (7, 3)):
        rename_parts(first, part, parts).write_bytes(first.read_bytes())
    assert calibset.build(recipe).samples == built
    first.unlink()
    with pytest.raises(
        SourceError, match=r"scores: 1 of 4 parts are not scored yet, the first of a\.parquet"
    ):
        calibset.build(recipe)
    (scored,) = calibset.score(recipe)
    assert (scored.parts, scored.new, scored.documents) == (4, 1, 40)


def test_scores_of_a_part_of_a_file_are_not_taken_for_those_of_all_of_it(tmp_path: Path) -> None:
    recipe = write(tmp_path, parquet=True)
    calibset.score(recipe)
    first, *others = shards(tmp_path / "scores")
    for path in others:
        path.unlink()
    first.rename(rename_parts(first, 0, 1))
    fault = (
        r"of-000001-\w+\.parquet: can't be read as scores \(the file has 4 parts, and this is of 1\); remove "
        r"it, and run `calibset score` again"
    )
    with pytest.raises(CalibsetError, match=fault):
        calibset.score(recipe)
    with pytest.raises(CalibsetError, match=fault):
        calibset.build(recipe, **{"hygiene.duplicates": "keep"})


def test_a_record_that_changed_unseen_is_not_taken(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    corpus = tmp_path / "web" / "b.jsonl"
    # What the folder remembers of the file is made to lie.
    for path in (tmp_path / "scores").glob("*.sha256"):
        path.unlink()
    content = corpus.read_bytes()
    calibset.score(recipe)
    remembered = contents(tmp_path / "scores")
    corpus.write_bytes(content.replace(b"harbour", b"harbors"))
    calibset.score(recipe, scores="other")
    by_name = {path.name: path for path in (tmp_path / "other").glob("*.sha256")}
    (new,) = [name for name in by_name if name not in remembered]
    old = next(
        value for name, value in remembered.items() if name.endswith(".sha256") and name not in by_name
    )
    (tmp_path / "scores" / new).write_bytes(old)
    with pytest.raises(
        SourceError, match=r"b\.jsonl holds other records than those that were scored in scores"
    ):
        calibset.build(recipe)


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    path = shards(tmp_path / "scores")[0]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(OutputError, match=rf"^sources\.web: scores/{path.name}: can't be read as scores"):
        calibset.build(recipe)


_PAGE = [4, 50, 10, False]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tokens", float("inf")),
        ("documents", 10**400),
        ("admitted", -1),
        ("verdicts", {"short": "many"}),
        ("pages", {"text": []}),
        ("pages", {"text": [[4, 50, 0, True]]}),
        ("pages", {"text": [_PAGE, [54, 10**400, 10, False]]}),
        ("pages", {"text": [_PAGE, [-5, 10, 10, False]]}),
        ("pages", [[]]),
    ],
)
def test_a_summary_of_other_numbers_is_none(key: str, value: Any) -> None:
    right = ShardSummary(
        documents=10, admitted=9, tokens=90, verdicts={"short": 1}, languages={"sk": 9}, sha256="ab",
        pages={"text": (Page(4, 50, 10, False),)},
    )  # fmt: skip
    data = json.loads(right.to_json())
    assert ShardSummary.read(json.dumps(data).encode()) == right
    with pytest.raises(ValueError, match=r"no summary|a number that is no count|a column without rows"):
        ShardSummary.read(json.dumps({**data, key: value}).encode())
    with pytest.raises(ValueError, match="no summary"):
        ShardSummary.read(b"[" * 100_000)


def alter(path: Path, pages: Any = None, **columns: Sequence[Any]) -> None:
    """Write a shard again with other values in its first rows, or other pages."""
    table, metadata = pyarrow.parquet.read_table(path), pyarrow.parquet.read_metadata(path).metadata
    for name, values in columns.items():
        field = table.schema.field(name)
        if not isinstance(values, pyarrow.Array):
            values = pyarrow.array([*values, *table[name].to_pylist()[len(values) :]], field.type)  # noqa: PLW2901
        table = table.set_column(table.schema.get_field_index(name), field, values)
    summary = json.loads(metadata[b"calibset"])
    with pyarrow.parquet.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(
            {b"calibset": json.dumps({**summary, "pages": pages or summary["pages"]})}
        )


_OUTSIDE = "a place outside of its part"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"end": [2**62] * 20}, _OUTSIDE),
        ({"start": [-(2**62)] * 20}, _OUTSIDE),
        ({"start": range(2**40, 2**40 + 20), "end": [2**41] * 20}, _OUTSIDE),
        ({"end": [0] * 20}, _OUTSIDE),
        ({"row": [-1] * 20}, _OUTSIDE),
        ({"start": [0] * 20, "end": [9] * 20}, "two records at one place"),
    ],
)
def test_a_place_that_a_file_does_not_have_is_never_read(
    tmp_path: Path, columns: dict[str, Any], reason: str
) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    for path in shards(tmp_path / "scores"):
        alter(path, **columns)
    with pytest.raises(
        SourceError,
        match=rf"^sources\.web: scores/\S*parquet: can't be read as scores \({reason}\); remove it, and run",
    ):
        calibset.build(recipe)


@pytest.mark.parametrize(
    ("pages", "columns", "reason"),
    [
        ([[4, 2**62, 10, False]], {}, "pages of another row group"),
        ([[-4 + 2**61, 50, 10, False]], {}, "pages of another row group"),
        ([[4, 50, 10, False], [4, 50, 10, False]], {}, "pages of another row group"),
        (None, {"row": [40] * 10}, "two records at one place"),
        (None, {"row": range(1_000, 1_010)}, _OUTSIDE),
        (None, {"start": [1] * 10}, _OUTSIDE),
    ],
)
def test_a_page_that_a_file_does_not_have_is_never_read(
    tmp_path: Path, pages: Any, columns: dict[str, Any], reason: str
) -> None:
    recipe = write(tmp_path, parquet=True)
    calibset.score(recipe)
    for path in shards(tmp_path / "scores"):
        alter(path, {"text": pages} if pages else None, **columns)
    with pytest.raises(SourceError, match=rf": can't be read as scores \({reason}\); remove it, "):
        calibset.build(recipe)


def test_a_small_shard_that_unpacks_to_very_much_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    for path in shards(tmp_path / "scores"):
        alter(path, verdict=["a" * 1_000_000] * 20)
    monkeypatch.setattr("calibset.storage.parquet_tables.MOST_MEMORY", 2**22)
    with pytest.raises(
        OutputError, match=r"can't be read as scores \(its [\d,]+ bytes unpack to more than [\d,]+, as"
    ):
        calibset.build(recipe)


def test_ids_of_scores_must_be_utf_8(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    path = shards(tmp_path / "scores")[0]
    rows = pyarrow.parquet.read_metadata(path).num_rows
    alter(path, id=pyarrow.array([b"\xff"] * rows, pyarrow.binary()).view(pyarrow.string()))
    with pytest.raises(OutputError, match=r"can't be read as scores \(.*UTF8"):
        calibset.build(recipe, **{"sources.web.choose_where": "id != 'x'"})


@pytest.mark.parametrize("column", ["held", "held_terms"])
def test_lists_of_scores_that_lack_values_are_refused(tmp_path: Path, column: str) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    alter(shards(tmp_path / "scores")[0], **{column: [[1, None]] * 20})
    with pytest.raises(CalibsetError, match=r"can't be read as scores \(it lacks values\)"):
        calibset.build(recipe, **{"sources.web.choose": "coverage"})


def test_few_bytes_of_repeats_that_unpack_to_very_many_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    (repeats,) = (tmp_path / "scores").glob("repeats-*")
    pyarrow.parquet.write_table(pyarrow.table({"key": pyarrow.array([1] * 2**20, pyarrow.uint64())}), repeats)
    monkeypatch.setattr("calibset.storage.parquet_tables.MOST_MEMORY", 2**22)
    with pytest.raises(CalibsetError, match=r"near\.parquet: can't be read; remove it, and run"):
        calibset.build(recipe)


def test_scores_that_lack_values_are_refused(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    calibset.score(recipe)
    alter(shards(tmp_path / "scores")[0], row=[None] * 20)
    with pytest.raises(CalibsetError, match=r"can't be read as scores \(it lacks values\)"):
        calibset.build(recipe)
    (repeats,) = (tmp_path / "scores").glob("repeats-*")
    pyarrow.parquet.write_table(pyarrow.table({"key": pyarrow.nulls(3, pyarrow.uint64())}), repeats)
    with pytest.raises(CalibsetError, match=r"near\.parquet: can't be read; remove it, and run"):
        calibset.build(recipe)


def test_faults_of_the_recipe(tmp_path: Path) -> None:
    recipe = write(tmp_path)
    with pytest.raises(
        RecipeError, match=r"sources\.web\.choose_where: 'price > 1': there is no 'price', only"
    ):
        calibset.build(recipe, **{"sources.web.choose_where": "price > 1"})
    recipe.write_text(RECIPE.format(kind="jsonl").replace('scores = "scores"', 'choose = "quality"'))
    with pytest.raises(RecipeError, match=r"sources\.web\.choose: chooses among scores; name their folder"):
        calibset.load_recipe(recipe)
    recipe.write_text(RECIPE.format(kind="hub-dataset"))
    with pytest.raises(
        SourceError, match=r"type hub-dataset can't be scored in parts; name its files with the"
    ):
        calibset.score(recipe)
    with pytest.raises(RecipeError, match=r"--source wiki: the recipe has no such source; it has web"):
        calibset.score(recipe, source="wiki")
