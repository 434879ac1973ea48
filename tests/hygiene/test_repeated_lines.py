"""Lines that a source repeats go, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.hygiene.repeated_lines import RepeatedLines

BANNER = "Súhlasím s použitím cookies na tejto stránke a jej častiach"


def pages(count: int) -> list[str]:
    return [
        f"{BANNER}\nČlánok číslo {number} hovorí o niečom, čo v inom článku nestojí."
        for number in range(count)
    ]


def test_a_line_goes_once_enough_earlier_documents_had_it() -> None:
    lines = RepeatedLines(documents=3)
    assert [lines.remove(page)[1] for page in pages(6)] == [0, 0, 0, 1, 1, 1]


def test_what_is_left_is_the_text_without_the_line() -> None:
    lines = RepeatedLines(documents=1)
    first, second = pages(2)
    assert lines.remove(first) == (first, 0)
    assert lines.remove(second) == ("Článok číslo 1 hovorí o niečom, čo v inom článku nestojí.", 1)


def test_a_document_that_loses_all_its_lines_is_empty() -> None:
    lines = RepeatedLines(documents=2)
    assert [lines.remove(f"{BANNER}\n\n{BANNER}\n") for _ in range(3)][-1] == ("", 3 - 1)


def test_a_line_that_one_document_repeats_counts_once() -> None:
    lines = RepeatedLines(documents=2)
    assert lines.remove("\n".join([BANNER] * 5)) == ("\n".join([BANNER] * 5), 0)
    assert lines.remove(BANNER) == (BANNER, 0)


def test_case_and_spaces_make_no_difference() -> None:
    lines = RepeatedLines(documents=1)
    lines.remove(BANNER)
    assert lines.remove(f"  {BANNER.upper().replace(' ', '   ')}\t") == ("", 1)


@pytest.mark.parametrize(("length", "removed"), [(39, 0), (40, 1)])
def test_short_lines_are_left(length: int, removed: int) -> None:
    lines = RepeatedLines(documents=1)
    lines.remove("x" * length)
    assert lines.remove("x" * length)[1] == removed


def test_a_text_that_loses_nothing_keeps_its_blanks() -> None:
    assert RepeatedLines().remove("  indented\n\n\nand so on \n") == ("  indented\n\n\nand so on \n", 0)


def test_lines_that_one_document_had_are_forgotten_first() -> None:
    lines = RepeatedLines(documents=2, most_lines=10)
    lines.remove(BANNER)
    lines.remove(BANNER)
    for number in range(50):
        lines.remove(f"A line of which the {number}th number says that it is another")
        assert len(lines._counts) <= 10
    assert lines.remove(BANNER) == ("", 1)


def test_repeated_lines_are_bounded_too() -> None:
    lines = RepeatedLines(documents=2, most_lines=10)
    for number in range(50):
        for _ in range(3):
            lines.remove(f"A line of which the {number}th number says that it is another")
    assert len(lines._counts) <= 10


@pytest.mark.parametrize("wrong", [{"documents": 0}, {"least_length": 0}, {"most_lines": 0}])
def test_bounds_are_at_least_one(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"^documents, least_length and most_lines must be at least 1$"):
        RepeatedLines(**wrong)


@given(st.lists(st.text(st.sampled_from("ab \n\t\ud800é"), max_size=30)), st.integers(1, 3))
def test_the_same_documents_lose_the_same_lines(texts: list[str], documents: int) -> None:
    first, second = (RepeatedLines(documents=documents, least_length=2) for _ in range(2))
    outcome = [first.remove(text) for text in texts]
    assert outcome == [second.remove(text) for text in texts]
    for text, (kept, removed) in zip(texts, outcome, strict=True):
        assert removed <= len(text.split("\n"))
        assert removed or kept == text
        assert {line.strip() for line in kept.split("\n")} - {""} <= {
            line.strip() for line in text.split("\n")
        }
