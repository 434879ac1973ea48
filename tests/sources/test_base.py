from __future__ import annotations

import io

import pytest
from pydantic import ValidationError

from calibset.core.errors import SourceError
from calibset.core.fields import as_tuple
from calibset.sources.adapters.csv import Csv
from calibset.sources.adapters.jsonl import Jsonl
from calibset.sources.adapters.pile import Pile
from calibset.sources.adapters.text import Text
from calibset.sources.base import Source
from calibset.sources.sampling import files as sampling
from calibset.storage.files import File, memory_reader
from tests.sources.lines import lines, read_ids

CORPUS = {f"{name}.txt": b"\n".join(b"x" for _ in range(20)) for name in "abcd"}


def test_the_order_is_fixed_by_the_seed() -> None:
    orders = [read_ids(lines(), CORPUS, seed) for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(f"{n}.txt#{i}" for n in "abcd" for i in range(20))


def test_the_order_does_not_depend_on_name_group_or_weight() -> None:
    assert read_ids(lines(), CORPUS) == read_ids(lines(group="other", weight=7.5, licence="MIT"), CORPUS)


def test_a_prefix_is_a_fair_sample_of_all_files() -> None:
    order = read_ids(lines(), CORPUS)
    for start in range(0, 80, 4):
        assert {name.split(".")[0] for name in order[start : start + 4]} == set("abcd")
    assert len({tuple(name[0] for name in read_ids(lines(), CORPUS, seed)[:4]) for seed in range(20)}) > 10


def test_a_source_with_a_large_file_that_cannot_be_split_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 100)
    assert not lines().is_streamed(memory_reader({"a.txt": b"x" * 100, "b.txt": b"y"}))
    assert lines().is_streamed(memory_reader({"a.txt": b"x" * 101, "b.txt": b"y"}))
    named = lines(files=["a.txt.gz"])
    assert not named.is_streamed(memory_reader({"a.txt.gz": b"x" * 25}))
    assert named.is_streamed(memory_reader({"a.txt.gz": b"x" * 26}))
    jsonl = Jsonl(group="g", where=("x",))
    assert not jsonl.is_streamed(memory_reader({"a.jsonl": b"x" * 500}))
    assert jsonl.is_streamed(memory_reader({"a.jsonl.gz": b"x" * 500}))
    assert not jsonl.is_streamed(memory_reader({"a.json": b'{"a": 1}\n' * 60}))
    assert jsonl.is_streamed(memory_reader({"a.json": b"[" * 500}))
    assert Text(group="g", where=("x",)).is_streamed(memory_reader({"a.txt": b"x" * 500}))
    assert not Text(group="g", where=("x",), separator="-").is_streamed(memory_reader({"a.txt": b"x" * 500}))
    assert Csv(group="g", where=("x",)).is_streamed(memory_reader({"a.csv": b"x" * 500}))
    pile = Pile(group="g", where=("x",))
    assert not pile.is_streamed(memory_reader({"a.parquet": b"x" * 500, "b.jsonl": b"x" * 500}))
    assert pile.is_streamed(memory_reader({"a.parquet": b"x", "b.jsonl.zst": b"x" * 500}))


def test_the_recipes_files_replace_the_adapters_own() -> None:
    contents = {"a.txt": b"a", "b.md": b"b", "sub/c.md": b"c"}
    assert read_ids(lines(), contents) == ["a.txt#0"]
    assert sorted(read_ids(lines(files="*.md"), contents)) == ["b.md#0", "sub/c.md#0"]
    assert sorted(read_ids(lines(files=["a.txt", "sub/*"]), contents)) == ["a.txt#0", "sub/c.md#0"]


def test_no_file_is_an_error_that_says_what_there_is() -> None:
    with pytest.raises(SourceError) as caught:
        read_ids(lines(), {"a.md": b"", "b.csv": b""})
    assert str(caught.value) == (
        "memory: no file matches *.txt; it holds a.md, b.csv: name the right ones with files = [...]"
    )


def test_an_adapter_is_its_own_frozen_configuration() -> None:
    source = lines(where=["a", "b"], config="one", split=["x", "y"])
    assert (source.where, source.config, source.split) == (("a", "b"), ("one",), ("x", "y"))
    assert (source.weight, source.revision, source.licence, source.files) == (1.0, None, "unknown", ())
    with pytest.raises(ValidationError):
        source.weight = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "options", [{"weight": 0}, {"weight": -1}, {"where": []}, {"weigth": 1}, {"files": 5}, {"group": None}]
)
def test_wrong_options_are_faults(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        lines(**options)


def test_an_adapter_must_say_what_it_reads() -> None:
    bare = Source.model_validate({"type": "x", "group": "g", "where": "here"})
    with pytest.raises(NotImplementedError):
        bare.patterns()
    with pytest.raises(NotImplementedError):
        bare.read(File("a", io.BytesIO))


def test_one_name_is_a_list_of_one() -> None:
    assert as_tuple("a") == ("a",)
    assert as_tuple(["a", "b"]) == ["a", "b"]
    assert as_tuple(5) == 5


def test_of_several_splits_only_the_training_split_is_read_and_that_is_said() -> None:
    rows = b'{"text": "one"}\n'
    names = ["data/train-0.jsonl", "data/test-0.jsonl", "data/validation-0.jsonl", "data/more.jsonl"]
    reader = memory_reader(dict.fromkeys(names, rows))
    source = Jsonl(group="a", where=("x",))
    assert [file.name for file in source.select_files(reader)] == ["data/more.jsonl", "data/train-0.jsonl"]
    assert source.note_splits(reader) == (
        "the split train is read, and others are not (data/test-0.jsonl, data/validation-0.jsonl); "
        "name those that are to be read with split = [...]"
    )
    for options in ({"split": "test"}, {"files": "*"}):
        asked = Jsonl(group="a", where=("x",), **options)
        assert asked.note_splits(reader) is None
    assert [f.name for f in Jsonl(group="a", where=("x",), split="test").select_files(reader)] == [names[1]]


def test_an_evaluation_set_is_read_in_all_its_splits() -> None:
    reader = memory_reader(dict.fromkeys(["train.jsonl", "test.jsonl"], b""))
    source = Jsonl(group="exclude", where=("x",))
    assert len(source.select_files(reader)) == 2
    assert source.note_splits(reader) is None


def test_a_split_or_configuration_that_is_not_there_names_what_is() -> None:
    reader = memory_reader(dict.fromkeys(["en/train.jsonl", "de/train.jsonl"], b""))
    with pytest.raises(SourceError) as caught:
        Jsonl(group="a", where=("x",), config="fr", split="train").select_files(reader)
    assert str(caught.value) == (
        "no file is of config = 'fr' and split = 'train'; there are de/train.jsonl, en/train.jsonl: "
        "name the right ones with files = [...]"
    )
