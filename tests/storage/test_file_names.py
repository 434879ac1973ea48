from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import SourceError
from calibset.storage.file_names import has_word, is_in_config, match_names


@given(st.lists(st.text("ab/*[", max_size=6), max_size=8), st.lists(st.text("ab*?[]/", max_size=4)))
def test_matching_is_sorted_and_says_why_it_finds_nothing(names: list[str], patterns: list[str]) -> None:
    literal = {pattern for pattern in patterns if pattern in names}
    wild = set(patterns) - literal
    expected = literal | {name for name in names if any(fnmatchcase(name, pattern) for pattern in wild)}
    if expected:
        assert match_names(names, patterns, "here") == sorted(expected)
    else:
        with pytest.raises(SourceError, match=r"^here: no file matches"):
            match_names(names, patterns, "here")


def test_a_name_is_a_name_before_it_is_a_pattern() -> None:
    assert match_names(["a[1].txt", "a1.txt"], ["a[1].txt"], "here") == ["a[1].txt"]
    assert match_names(["a1.txt"], ["a[1].txt"], "here") == ["a1.txt"]


def test_suffixes_in_capitals_are_suffixes() -> None:
    names = ["A.JSONL", "b.jsonl", "sub/C.Jsonl.GZ", "jsonl"]
    assert match_names(names, ["*.jsonl", "*.jsonl.gz"], "here") == names[:3]
    with pytest.raises(SourceError, match="no file matches a"):
        match_names(["A.txt"], ["a*.txt"], "here")  # only the suffix has no case


@pytest.mark.parametrize(
    "name",
    [
        "dataset_infos.json",
        "data/dataset_info.json",
        "state.json",
        "dataset_dict.json",
        "package.json",
        "_temporary/0/part-0.json",
        "_delta_log/00000000000000000000.json",
        "_SUCCESS",
        ".ipynb_checkpoints/a.json",
        "__MACOSX/a.json",
        "~$rows.json",
        "sub/_committed_123",
    ],
)
def test_what_programs_leave_beside_rows_is_meant_only_by_its_name(name: str) -> None:
    assert match_names([name, "rows.json"], ["*"], "here") == ["rows.json"]
    assert match_names([name, "rows.json"], [name], "here") == [name]


def test_a_file_of_a_person_may_begin_with_an_underscore() -> None:
    assert match_names(["_notes.txt", "my_state.json"], ["*"], "here") == ["_notes.txt", "my_state.json"]


@pytest.mark.parametrize(
    ("name", "word", "found"),
    [
        ("data/train-00000.parquet", "train", True),
        ("train.jsonl", "train", True),
        ("train/0.jsonl", "train", True),
        ("train_sft-0.jsonl", "train", True),
        ("train_sft-0.jsonl", "train_sft", True),
        ("constraints-0.jsonl", "train", False),
        ("latest-0.jsonl", "test", False),
        ("pretrain.jsonl", "train", False),
        ("a.test.jsonl", "test", True),
    ],
)
def test_a_split_is_a_word_of_a_name(name: str, word: str, *, found: bool) -> None:
    assert has_word(name, word) is found


@pytest.mark.parametrize(
    ("name", "config", "found"),
    [
        ("en/a.csv", "en", True),
        ("data/en/train/a.csv", "en", True),
        ("data/en-0.csv", "en", True),
        ("en.csv", "en", True),
        ("green/a.csv", "en", False),
        ("en-cards/a.csv", "en", False),
        ("tasks/a.csv", "sk", False),
        ("a/b-en.csv", "en", False),
        ("data/20231101.sk/a.csv", "20231101.sk", True),
    ],
)
def test_a_configuration_is_a_folder_or_what_a_name_begins_with(
    name: str, config: str, *, found: bool
) -> None:
    assert is_in_config(name, config) is found
