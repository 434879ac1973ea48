"""Manifests that someone altered: each is refused, or shown like any other."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import CalibsetError
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.manifest import Manifest
from calibset.dataset.report import report_html
from calibset.dataset.report.notebook import notebook_html
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.dataset.report.reading_pages import Page
from tests.small import write_small

KeyPath = tuple[str | int, ...]

ODD = st.one_of(
    st.sampled_from(
        [0, 1, -1, 2**31, 2**53, 2**53 + 1, 2**63, 2**64, 10**400, -(10**400), 0.5, 1e308, -1e308, 5e-324]
    ),
    st.sampled_from(
        [float("nan"), float("inf"), float("-inf"), None, True, "", "0", "\x00", "<b>", "x" * 10_000]
    ),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.lists(st.integers(-1, 1), max_size=2),
    st.dictionaries(st.text("0a.", max_size=3), st.integers(-1, 2**60), max_size=2),
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> CalibrationSet:
    """A set of twenty rows."""
    return build(load_recipe(write_small(tmp_path_factory.mktemp("small"))))


@pytest.fixture(scope="module")
def alone(small: CalibrationSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file, with its tokenizer."""
    folder = tmp_path_factory.mktemp("alone")
    file = small.write(folder / "out.jsonl")
    write_small(folder)
    return file


def describe(small: CalibrationSet, file: Path, altered: Any) -> str:
    """Return how a manifest is refused, or what a notebook shows with it."""
    record = file.with_name("out.manifest.json")
    record.write_text(json.dumps(altered), "utf-8")
    try:
        manifest = Manifest.read(file)
    except CalibsetError as error:
        return str(error)
    assert manifest is not None
    shown = notebook_html(manifest, small.samples, small.tokenizer)
    Page(shown)
    try:
        Page(report_html(file))
    except CalibsetError as error:
        return str(error)
    return shown


def key_paths(data: Any) -> st.SearchStrategy[KeyPath]:
    """Return paths of keys to anywhere in JSON, inner tables and lists too."""
    keys = list(data) if isinstance(data, dict) else list(range(len(data))) if isinstance(data, list) else []
    if not keys:
        return st.just(())
    deeper = st.sampled_from(keys).flatmap(lambda key: key_paths(data[key]).map(lambda rest: (key, *rest)))
    return deeper | st.sampled_from(keys).map(lambda key: (key,))


def changed(data: Any, key_path: KeyPath, value: Any) -> Any:
    """Return JSON with another value at a path of keys."""
    if not key_path:
        return value
    data = copy.copy(data)
    data[key_path[0]] = changed(data[key_path[0]], key_path[1:], value)
    return data


def test_a_real_one_is_told_of(small: CalibrationSet, alone: Path) -> None:
    shown = describe(small, alone, json.loads(small.manifest.to_json()))
    assert shown == small._repr_html_()


def test_a_full_index_of_duplicates_is_told_of(small: CalibrationSet, alone: Path) -> None:
    told = "The index of duplicates was full: 1,234 documents did not fit in"
    manifest = json.loads(small.manifest.to_json())
    assert "not_compared" not in manifest
    describe(small, alone, {**manifest, "not_compared": 1_234})
    assert told in Page(report_html(alone)).text


@given(data=st.data())
def test_whatever_is_altered_is_refused_or_told_of(
    small: CalibrationSet, alone: Path, data: st.DataObject
) -> None:
    manifest = json.loads(small.manifest.to_json())
    key_path = data.draw(key_paths(manifest))
    describe(small, alone, changed(manifest, key_path, data.draw(ODD)))


@pytest.mark.parametrize("value", [2**53, 0])
def test_every_count_may_be_as_large_as_counts_are(small: CalibrationSet, alone: Path, value: int) -> None:
    manifest = json.loads(small.manifest.to_json())
    for table in (*manifest["sources"], *manifest["groups"]):
        for key, found in table.items():
            if isinstance(found, int) and key not in ("achieved", "from_beginning"):
                table[key] = value
        if "document_lengths" in table:
            table["document_lengths"] = {"1": value, str(2**53): value}
    assert describe(small, alone, manifest).startswith("<div")
