"""A faster engine is used once much has been read, and while it reads as tiktoken does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from calibset.tokenizers.faster_engine import FasterEngine, probes


def spell(text: str) -> list[int]:
    """Read a text as the engine does that all others are compared with."""
    return [ord(letter) for letter in text]


@dataclass
class Engine:
    """An engine that counts what it does, and reads one text in a way of its own."""

    odd: str | None = None
    oddly: Callable[[], list[int]] = list
    opened: int = 0
    read: list[str] = field(default_factory=list)

    def open(self) -> Callable[[str], list[int]]:
        self.opened += 1
        return self.encode

    def encode(self, text: str) -> list[int]:
        self.read.append(text)
        return self.oddly() if text == self.odd else spell(text)


class PanicException(BaseException):
    """What a library written in Rust raises when it panics."""

    __module__ = "pyo3_runtime"


def raising(error: BaseException) -> Callable[[], list[int]]:
    def fail() -> list[int]:
        raise error

    return fail


def test_little_is_left_to_tiktoken() -> None:
    engine = Engine()
    faster = FasterEngine("quick", engine.open, spell, 10)
    assert faster.encode("0123456789") is None
    assert (engine.opened, engine.read) == (0, [])
    assert faster.encode("a") == [97]
    assert engine.opened == 1
    assert engine.read == [*probes(), "a"]
    assert faster.notes == ()


def test_the_probes_are_some_hundred_texts_that_can_be_read_and_always_the_same() -> None:
    texts = list(probes())
    assert len(texts) > 400
    assert texts == list(probes())
    assert "".join(texts).encode("utf-8")
    for sign in ("š", "保", "한", "ع", "हि", "Ж", "7", "\t", "\u3000", "😀", "\n\n", "</s>", "\x00"):
        assert any(sign in text for text in texts)


def test_a_fresh_engine_takes_the_place_of_one_that_has_read_much() -> None:
    engine = Engine()
    faster = FasterEngine("quick", engine.open, spell, 0)
    text = "ab" * 500_000
    for _ in range(18):
        faster.encode(text)
    assert engine.opened == 2


@pytest.mark.parametrize("odd", [next(iter(probes())), list(probes())[200], list(probes())[-1]])
def test_an_engine_that_reads_a_probe_otherwise_is_not_used(odd: str) -> None:
    engine = Engine(odd, lambda: [0])
    faster = FasterEngine("quick", engine.open, spell, 0)
    assert faster.encode("text") is None
    assert faster.encode("text") is None
    assert engine.opened == 1
    assert "text" not in engine.read
    in_its_place = "tiktoken was used in its place, which takes longer"
    assert faster.notes == (f"quick reads {odd[:60]!r} otherwise than tiktoken; {in_its_place}",)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("cannot import name 'load'"), "cannot import name 'load'"),
        (PanicException("index out of bounds"), "index out of bounds"),
        (MemoryError(), "MemoryError"),
    ],
    ids=["missing", "panic", "memory"],
)
def test_an_engine_that_fails_is_not_used(error: BaseException, reason: str) -> None:
    while_opened = FasterEngine("quick", raising(error), spell, 0)  # type: ignore[arg-type]
    assert while_opened.encode("text") is None
    note = f"quick failed ({reason}); tiktoken was used in its place, which takes longer"
    assert while_opened.notes == (note,)
    later = FasterEngine("quick", Engine("text", raising(error)).open, spell, 0)
    assert later.encode("other") == spell("other")
    assert later.encode("text") is None
    assert later.encode("other") is None
    assert later.notes == (note,)


def test_an_interruption_by_the_user_is_none_of_its_faults() -> None:
    faster = FasterEngine("quick", Engine("text", raising(KeyboardInterrupt())).open, spell, 0)
    with pytest.raises(KeyboardInterrupt):
        faster.encode("text")
    assert faster.encode("other") == spell("other")


@pytest.mark.parametrize("sign", ["\u1aeb", "\u0c5c", "\U00011de0", "\U00016ff4", "\U000323eb", "\U00020000"])
def test_letters_that_one_library_may_not_know_are_left_to_tiktoken(sign: str) -> None:
    faster = FasterEngine("quick", Engine().open, spell, 0)
    assert faster.encode(f"Škoda {sign}") is None
    for known in ("Škoda 保险 한국 हिन्दी", "😀👨‍👩‍👧", "\ue000"):
        assert faster.encode(known) == spell(known)
    assert faster.notes == ()


@pytest.mark.parametrize("blank", [" ", " \t", "\u3000", "\n"])
@pytest.mark.parametrize("before", ["", "a" * 511, "word " * 300])
def test_a_long_run_of_blanks_is_left_to_tiktoken(blank: str, before: str) -> None:
    faster = FasterEngine("quick", Engine().open, spell, 0)
    assert faster.encode(f"{before}{blank * 1024}b") is None
    assert faster.encode(f"{before}{blank}b") is not None
    assert faster.encode(blank) is not None
    assert faster.notes == ()
