"""gigatoken, where it is installed, and a stand-in for it: what it reads, and what it never decides."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import calibset
from calibset.core.errors import QuantizerError
from calibset.recipe.loader import load_recipe
from calibset.storage.cache import Cache
from calibset.tokenizers import gigatoken_engine, load_tokenizer
from calibset.tokenizers.faster_engine import FasterEngine
from calibset.tokenizers.gigatoken_engine import find_faster_engine
from tests.small import write_small
from tests.tokenizers.test_tekken import NASTY, TEXTS, tekken_file

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

CONTROL = 1000


class StandIn:
    """A library of gigatoken's interface, which reads with an engine of the test's."""

    def __init__(self, read: Callable[[str], list[int]]) -> None:
        self.read = read
        self.texts: list[str] = []

    def encode(self, text: str) -> Any:
        self.texts.append(text)
        return np.array(self.read(text), np.uint32)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        package, inner = ModuleType("gigatoken"), ModuleType("gigatoken.gigatoken_rs")
        package.__spec__ = ModuleSpec("gigatoken", None)
        inner.load_hf_json = lambda _: self  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "gigatoken", package)
        monkeypatch.setitem(sys.modules, "gigatoken.gigatoken_rs", inner)
        monkeypatch.setattr(gigatoken_engine, "_BEFORE", 0)
        monkeypatch.setattr(gigatoken_engine, "_write_json", lambda _: b"{}")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = write_small(tmp_path)
    text = path.read_text("utf-8").replace('"tokenizer.json"', '"mistral-small-3.2"')
    path.write_text(text.replace("seqlen = 64", "seqlen = 24"), "utf-8")
    return path


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let gigatoken be missing, even where it is installed."""
    monkeypatch.setattr(gigatoken_engine, "find_spec", lambda _: None)


def write(recipe: Path, out: str) -> tuple[bytes, str, tuple[str, ...]]:
    """Return the rows of a build, its manifest but for the time, and its notes."""
    built = calibset.build(load_recipe(recipe))
    path = built.write(recipe.parent / out)
    return path.read_bytes(), built.manifest.model_dump_json(), built.notes


def test_a_build_is_the_same_with_it_and_without(
    recipe: Path, tekken: TekkenTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        without(patched)
        expected, manifest, notes = write(recipe, "without.jsonl")

    library = StandIn(tekken.uncached.engine.encode)
    library.install(monkeypatch)
    assert write(recipe, "with.jsonl") == (expected, manifest, notes)
    assert any("Once upon a time" in text for text in library.texts)

    library.read = lambda _: [0]
    rows, written, told = write(recipe, "faulty.jsonl")
    assert (rows, written) == (expected, manifest)
    note = "gigatoken reads '' otherwise than tiktoken; tiktoken was used in its place, which takes longer"
    assert told == (note, *notes)


def test_the_proof_and_verify_do_not_use_it(
    recipe: Path, tekken: TekkenTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = StandIn(tekken.uncached.engine.encode)
    library.install(monkeypatch)
    built = calibset.build(load_recipe(recipe))
    out = built.write(recipe.parent / "rows.jsonl")
    library.texts.clear()
    assert calibset.verify(out).passed
    assert library.texts == []
    # It reads what it is compared by rightly, and all else by the letter: the proof tells.
    read = tekken.uncached.engine.encode
    library.read = lambda text: [
        token for part in (text if "Once" in text else [text]) for token in read(part)
    ]
    with pytest.raises(QuantizerError, match="would keep 8 of 20 rows, so nothing was written"):
        calibset.build(load_recipe(recipe))


def test_scores_tell_that_it_is_not_used(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("polars")
    StandIn(lambda _: [0]).install(monkeypatch)
    scored = calibset.score(recipe, source=["fish", "rest"], scores=str(recipe.parent / "scores"))
    note = "gigatoken reads '' otherwise than tiktoken; tiktoken was used in its place, which takes longer"
    assert [one.notes for one in scored] == [(), (note,)]


def test_it_is_used_for_the_vocabulary_that_was_published_alone(
    tekken: TekkenTokenizer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    StandIn(tekken.uncached.engine.encode).install(monkeypatch)
    vocabulary = tekken.engine.pieces[CONTROL:]
    read = tekken.uncached.engine.encode
    assert find_faster_engine(tekken.pattern, CONTROL, vocabulary, read) is not None
    assert find_faster_engine(tekken.pattern, CONTROL, [*vocabulary[:-1], b"other"], read) is None
    assert find_faster_engine(tekken.pattern, CONTROL, vocabulary[::-1], read) is None
    assert find_faster_engine(tekken.pattern, 999, vocabulary, read) is None
    assert find_faster_engine(r"\s+", CONTROL, vocabulary, read) is None
    own: Any = load_tokenizer(str(tekken_file(tmp_path)))
    assert own.engine.faster is None
    without(monkeypatch)
    assert find_faster_engine(tekken.pattern, CONTROL, vocabulary, read) is None


def test_a_library_without_what_is_asked_of_it_is_told(
    tekken: TekkenTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    StandIn(tekken.uncached.engine.encode).install(monkeypatch)
    del sys.modules["gigatoken.gigatoken_rs"].load_hf_json  # type: ignore[attr-defined]
    loaded: Any = load_tokenizer("mistral-small-3.2")
    assert loaded.notes == ()
    assert loaded.encode("text", parse_special=False) == tekken.uncached.encode("text", parse_special=False)
    (note,) = loaded.notes
    assert note.startswith("gigatoken failed (cannot import name 'load_hf_json'")
    assert loaded.uncached.notes == ()


def test_what_it_is_given_is_the_vocabulary_and_its_merges() -> None:
    pieces = [*(bytes([value]) for value in range(256)), b"ab", b"abc", "š".encode()]
    form = json.loads(gigatoken_engine._write_json(pieces))
    assert form["model"]["merges"] == [["a", "b"], ["ab", "c"], ["Å", "¡"]]
    assert form["model"]["vocab"]["ab"] == CONTROL + 256
    assert sorted(form["model"]["vocab"].values()) == list(range(CONTROL + 259))


@pytest.fixture(scope="module")
def quick(tekken: TekkenTokenizer, tmp_path_factory: pytest.TempPathFactory) -> FasterEngine:
    """The true library, opened."""
    pytest.importorskip("gigatoken")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CALIBSET_CACHE", str(tmp_path_factory.mktemp("gigatoken")))
        patched.setattr(gigatoken_engine, "_BEFORE", 0)
        faster = find_faster_engine(
            tekken.pattern, CONTROL, tekken.engine.pieces[CONTROL:], tekken.uncached.engine.encode
        )
        assert faster is not None
        assert faster.encode("open") is not None
        cache = Cache.default()
    (kept,) = cache.folder.glob("computed/gigatoken-1/*")
    # What is kept is read by the next, and made anew where it is damaged.
    whole = kept.read_bytes()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CALIBSET_CACHE", str(cache.folder))
        for damaged in (whole, whole[:-1] + bytes([whole[-1] ^ 1])):
            kept.write_bytes(damaged)
            again = replace(faster, room=0, engine=None)
            assert again.encode("one more") == tekken.uncached.engine.encode("one more")
            assert again.notes == ()
            assert kept.read_bytes() == whole
    return faster


@pytest.mark.parametrize("text", [*NASTY, "a" * 100_000, "!?-" * 30_000, "保险合同" * 20_000, " " * 400])
def test_gigatoken_reads_nasty_texts_alike(quick: FasterEngine, tekken: TekkenTokenizer, text: str) -> None:
    ids = quick.encode(text)
    if "𠜎" in text:  # beyond what all libraries know
        assert ids is None
        return
    assert ids == tekken.uncached.engine.encode(text)
    assert all(type(token) is int for token in ids)


@settings(max_examples=400)
@given(text=st.one_of(TEXTS, st.text(st.characters(exclude_categories=["Cs"]), max_size=80)))
def test_gigatoken_reads_any_text_alike(quick: FasterEngine, tekken: TekkenTokenizer, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    ids = quick.encode(text)
    assert ids in (None, tekken.uncached.engine.encode(text))
    assert quick.notes == ()
