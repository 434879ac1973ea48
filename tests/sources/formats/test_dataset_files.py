from __future__ import annotations

import itertools
import re
import time

import pytest
from fsspec.utils import glob_translate
from hypothesis import example, given
from hypothesis import strategies as st

from calibset.sources.formats.dataset_card import DatasetConfig
from calibset.sources.formats.dataset_files import find_kind, find_split_files, keep_kind, matches_glob

parts = st.text(alphabet="ab.", min_size=1, max_size=3)
pattern_parts = st.one_of(st.just("**"), st.just("*"), st.text(alphabet="ab.*?", min_size=1, max_size=4))


@given(st.lists(parts, min_size=1, max_size=4), st.lists(pattern_parts, min_size=1, max_size=4))
def test_globs_match_as_they_do_for_datasets(name: list[str], pattern: list[str]) -> None:
    # fsspec refuses ** inside a name, and takes a ** before ** for one name at least.
    if any("**" in part and part != "**" for part in pattern) or any(
        pair == ("**", "**") for pair in itertools.pairwise(pattern)
    ):
        return
    expected = re.match(glob_translate("/".join(pattern)), "/".join(name)) is not None
    assert matches_glob("/".join(name), "/".join(pattern)) == expected


@given(
    st.lists(st.lists(st.text("ab].[", min_size=1, max_size=3), min_size=1, max_size=3), max_size=6),
    st.lists(st.one_of(pattern_parts, st.text("ab.*?[]!", min_size=1, max_size=5)), min_size=1, max_size=3),
    st.sampled_from(["", ".csv", "*.csv", "[c]sv", ".cs]v"]),
)
@example([["a"]], ["**", "a"], ".csv")
@example([["a"]], ["a."], "cs[uv]")
def test_no_name_that_a_pattern_matches_is_passed_over(
    folders: list[list[str]], pattern: list[str], ending: str
) -> None:
    names = sorted({"/".join(parts) + ".csv" for parts in folders})
    spelled = "/".join(pattern) + ending
    found = find_split_files(names, DatasetConfig(patterns={"train": (spelled,)}))
    assert found.get("train", []) == [name for name in names if matches_glob(name, spelled)]


def test_a_pattern_made_to_take_long_takes_no_time() -> None:
    begin = time.process_time()
    assert not matches_glob("a" * 250, "*a" * 120 + "b")
    assert not matches_glob("/".join("a" * 100), "/".join(["**", "a"] * 50 + ["b"]))
    assert time.process_time() - begin < 1


@pytest.mark.slow
def test_too_many_patterns_of_too_many_names_are_refused_soon() -> None:
    names = [f"{number}.csv" for number in range(20_000)]
    begin = time.process_time()
    with pytest.raises(ValueError, match=r"^its patterns and names are too many \(2,000,000 to compare\); "):
        find_split_files(names, DatasetConfig(patterns={"train": tuple(f"*{n}.csv" for n in range(20_000))}))
    assert time.process_time() - begin < 10
    # Those that begin with what they mean are not.
    exact = DatasetConfig(patterns={"train": tuple(reversed(names))})
    assert find_split_files(names, exact) == {"train": names[::-1]}


def test_the_first_thing_that_tells_splits_decides() -> None:
    names = ["data/train-00000-of-00001.csv", "data/dev-00000-of-00001.csv", "test/x.csv", "train.csv"]
    default = DatasetConfig()
    assert find_split_files(names, default) == {
        "dev": ["data/dev-00000-of-00001.csv"],
        "train": ["data/train-00000-of-00001.csv"],
    }
    assert find_split_files(["data/train-00000-of-1.csv", *names[2:]], default) == {"test": ["test/x.csv"]}
    assert find_split_files(names[3:], default) == {"train": ["train.csv"]}
    assert find_split_files(["b.csv", "a.csv"], default) == {"train": ["a.csv", "b.csv"]}


def test_a_folder_of_the_card_is_where_splits_are_looked_for() -> None:
    names = ["en/train.csv", "en/test.csv", "sk/train.csv"]
    assert find_split_files(names, DatasetConfig(folder="sk")) == {"train": ["sk/train.csv"]}
    assert find_split_files(names, DatasetConfig(folder="de")) == {}


@pytest.mark.parametrize(
    ("names", "kind", "kept"),
    [
        (["a.jsonl", "b.JSONL", "c.txt"], "jsonl", ["a.jsonl", "b.JSONL"]),
        (["a.json", "b.jsonl.gz"], "jsonl", ["a.json", "b.jsonl.gz"]),
        (["a.csv", "b.parquet"], "parquet", ["b.parquet"]),
        (["a.tar", "b.tar", "c.txt"], "tar", ["a.tar", "b.tar"]),
        (["a.zip", "LICENSE"], "zip", ["a.zip"]),
        (["LICENSE", "a.py"], None, []),
    ],
)
def test_the_kind_is_that_of_most_files(names: list[str], kind: str | None, kept: list[str]) -> None:
    assert find_kind(names) == kind
    assert keep_kind(names, kind or "") == kept
