"""What a build would do."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import calibset
from calibset.core.errors import SourceError, TokenizerError
from calibset.recipe.model import Recipe
from tests.pipeline.small_builds import small
from tests.small import corpus, write_small
from tests.storage.loopback import COMMIT, Loopback


def test_a_plan_wants_a_tokenizer_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="tokenizer 'mistral-small-9'"):
        calibset.plan(small(tmp_path, 'tokenizer="mistral-small-9"'))


def test_a_plan_that_tries_nothing_downloads_no_data(tmp_path: Path, hub: Loopback) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": b"x" * 100, "b.jsonl": b"y", "README.md": b"z"}
    hub.files["/m/ships.jsonl"] = corpus("ships", 30)
    recipe = small(
        tmp_path,
        'sources.fish.where="hf://datasets/them/fish"',
        'sources.ships.where="https://example.org/ships.jsonl"',
        'sources.trees.where="gone"',
        'sources.trees.fallbacks=["gone too"]',
    )
    planned = calibset.plan(recipe, tries=False, mirrors=[f"https://example.org/={hub.address}/m/"])
    assert hub.asked
    assert hub.data_requests() == []
    assert planned.groups == {"sea": 12, "land": 8, "general": 0}
    fish, ships, trees, rest = planned.sources
    assert (fish.quota, fish.files, fish.size, fish.revision, fish.problem) == (8, 2, 101, COMMIT, None)
    assert (ships.quota, ships.files, ships.size, ships.problem) == (4, 1, 2703, None)
    assert (trees.quota, trees.files, trees.location) == (8, 0, "gone")
    assert trees.problem == (
        f"gone: no such file or folder under {tmp_path}; set --data DIR to where the corpora are; "
        f"gone too: no such file or folder under {tmp_path}; set --data DIR to where the corpora are"
    )
    assert (rest.quota, rest.files, rest.licence) == (0, 1, "unknown")


def problem_of(recipe: Recipe, name: str = "fish") -> str | None:
    return next(source.problem for source in calibset.plan(recipe).sources if source.name == name)


def test_a_plan_shows_a_document_of_each_source_as_the_model_reads_it(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    fish, *_ = calibset.plan(recipe).sources
    assert (fish.document, fish.gives, fish.problem, fish.notes) == ("a.jsonl#0", "texts", None, ())
    assert json.loads((tmp_path / "fish" / "a.jsonl").read_text().splitlines()[0])["text"] == fish.text
    assert calibset.plan(recipe, tries=False).sources[0].text == ""


def test_trying_a_file_on_a_server_fetches_its_beginning(tmp_path: Path, hub: Loopback) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30) * 1000, "b.jsonl": b'{"text": "y"}'}
    recipe = small(tmp_path, 'sources.fish.where="hf://datasets/them/fish"')
    assert problem_of(recipe) is None
    assert hub.ranges == ["bytes=0-262143"]  # and of the second file with the same suffix nothing


def test_trying_a_row_group_on_a_server_fetches_its_beginning(tmp_path: Path, hub: Loopback) -> None:
    texts = ["no text is like another, " * 50 + str(number) for number in range(8_000)]
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), file, compression="none", use_dictionary=False)
    hub.repositories["them/fish"] = {"a.parquet": file.getvalue()}
    recipe = small(
        tmp_path, 'sources.fish.where="hf://datasets/them/fish"', 'sources.fish.type="parquet"',
        'sources.fish.columns=["text"]',
    )  # fmt: skip
    assert len(file.getvalue()) > 10_000_000
    assert problem_of(recipe) is None
    ranges = [map(int, asked.removeprefix("bytes=").split("-")) for asked in hub.ranges]
    assert sum(end + 1 - start for start, end in ranges) < 3_000_000


@pytest.mark.parametrize(
    ("content", "overrides", "says"),
    [
        (
            b'{"prose": "x", "year": 1}\n' * 3,
            [],
            "sources.fish: fish holds no usable document (3 rejected: no column 'text'; "
            "the first such row has prose, year)",
        ),
        (
            "größer\n".encode("cp1252"),
            ['sources.fish.type="text"', 'sources.fish.files=["*"]'],
            "sources.fish: fish holds no usable document (1 rejected: not valid UTF-8; ",
        ),
        (
            b"a;b\n1;2\n",
            ['sources.fish.type="csv"', 'sources.fish.files=["*"]'],
            "sources.fish: a.jsonl: no column 'text'; it has a;b: name the right columns, ",
        ),
        (
            b"PK",
            ['sources.fish.type="parquet"', 'sources.fish.files=["*"]'],
            "sources.fish: a.jsonl: can't be ",
        ),
    ],
)
def test_what_a_build_would_refuse_a_plan_refuses(
    tmp_path: Path, content: bytes, overrides: list[str], says: str
) -> None:
    recipe = small(tmp_path, *overrides)
    (tmp_path / "fish" / "a.jsonl").write_bytes(content)
    assert (problem_of(recipe) or "").startswith(says)
    with pytest.raises(SourceError, match=re.escape(says)):
        calibset.build(recipe)


def test_each_of_several_local_files_is_tried(tmp_path: Path) -> None:
    recipe = small(tmp_path, 'sources.fish.type="csv"', 'sources.fish.files=["*.csv"]')
    (tmp_path / "fish" / "a.csv").write_text("text\nhake\n")
    (tmp_path / "fish" / "b.csv").write_text("words\nhake\n")
    assert problem_of(recipe) == (
        "sources.fish: b.csv: no column 'text'; it has words: name the right columns, the right delimiter or "
        "other files"
    )


def test_a_plan_says_what_is_wrong_with_some_of_the_first_records(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    file = tmp_path / "fish" / "a.jsonl"
    file.write_bytes(b"{oops\n" + file.read_bytes())
    fish, *_ = calibset.plan(recipe).sources
    assert fish.notes == ("fish: of the first 2 records, 1 rejected: not valid JSON",)


def test_a_plan_counts_files_by_what_their_names_end_in(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    names = ("b.jsonl", "c.JSON.gz", "README.md", "x.docx", "y.docx", "LICENCE", "test.jsonl", "train.jsonl")
    for name in names:
        (tmp_path / "fish" / name).write_bytes(b"")
    fish, *_ = calibset.plan(recipe, tries=False).sources
    assert fish.read == {"*.jsonl": 3, "*.json.gz": 1}
    assert fish.left == {"*.docx": 2, "*.md": 1, "LICENCE": 1, "*.jsonl": 1}
    assert fish.splits == ("train",)
    assert fish.notes == (
        "fish: the split train is read, and others are not (test.jsonl); name those that are to be read with "
        "split = [...]",
    )


def test_an_evaluation_set_is_tried(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"txet": "x"}\n')
    path = write_small(tmp_path)
    path.write_text(path.read_text() + '\n[[exclude]]\nname = "exam"\ntype = "jsonl"\nwhere = "test.jsonl"\n')
    (exam,) = calibset.plan(calibset.load_recipe(path)).evaluations
    assert exam.problem == (
        "exclude.exam: none of the first records of test.jsonl is a text: 1 rejected: no column 'text'"
    )


@pytest.mark.parametrize(("where", "read", "unused"), [("fish", "fish", "ships"), ("gone", "ships", "gone")])
def test_a_plan_names_the_locations_that_are_not_read(
    tmp_path: Path, where: str, read: str, unused: str
) -> None:
    recipe = small(tmp_path, f'sources.fish.where="{where}"', 'sources.fish.fallbacks=["ships"]')
    fish, *_ = calibset.plan(recipe).sources
    assert (fish.location, fish.unused) == (read, (unused,))
