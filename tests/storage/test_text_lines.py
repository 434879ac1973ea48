from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace

import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.storage import text_lines
from calibset.storage.file_forms import describe_other_form
from calibset.storage.text_lines import (
    MAX_RECORD_BYTES,
    RecordLines,
    has_undecodable_bytes,
    read_first_character,
    read_lines,
    read_whole_text,
)
from tests.storage.packed import PACKERS, file


@given(st.binary(max_size=200), st.sampled_from(["", *PACKERS]))
def test_any_bytes_are_lines_or_a_source_error(content: bytes, suffix: str) -> None:
    try:
        lines = list(read_lines(file(content, "a" + suffix)))
    except SourceError:
        assert suffix or describe_other_form(content)
    else:
        for line in lines:
            if isinstance(line, Rejection):
                assert line.reason == "not valid UTF-8"
            else:
                assert "\n" not in line
                line.encode("utf-8")  # whatever is no text is rejected


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\ufeff", exclude_categories=["Cs"])), max_size=6)
)
def test_only_line_feeds_end_lines(lines: list[str]) -> None:
    for end in ("\n", "\r\n"):
        content = "".join(line + end for line in lines).encode()
        assert list(read_lines(file(content))) == lines
        assert list(read_lines(file(b"\xef\xbb\xbf" + content))) == (lines or [""])


def test_a_line_that_is_no_utf_8_is_rejected_or_keeps_its_bytes() -> None:
    assert list(read_lines(file(b"a\xffb\nsound\n\xe2\x82"))) == [
        Rejection(position="a.txt:1", reason="not valid UTF-8", excerpt="a\ufffdb"),
        "sound",
        Rejection(position="a.txt:3", reason="not valid UTF-8", excerpt="\ufffd\ufffd"),
    ]
    marked = list(read_lines(file("a\n\xe9".encode() + b"\n\xe9"), keep_undecodable=True))
    assert [has_undecodable_bytes(line) for line in marked if isinstance(line, str)] == [False, False, True]


def test_an_unusual_separator_ends_no_line() -> None:
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\rg"
    assert list(read_lines(file(f"{text}\n".encode()))) == [text]


def test_carriage_returns_end_the_lines_of_a_file_without_line_feeds() -> None:
    assert list(read_lines(file(b"one\rtwo\r\rfour\r"))) == ["one", "two", "", "four"]
    assert list(read_lines(file(b"one\rtwo"))) == ["one", "two"]
    assert list(read_lines(file(b"one\rtwo\nthree\rfour"))) == ["one\rtwo", "three\rfour"]
    assert list(read_lines(replace(file(b"one\rtwo"), is_part=True))) == ["one\rtwo"]
    faulty = [line for line in read_lines(file(b"one\rtw\xf4")) if isinstance(line, Rejection)]
    assert [line.position for line in faulty] == ["a.txt:2"]


@pytest.mark.parametrize("encoding", ["cp1250", "iso8859-2", "utf-16", "utf-16-le", "utf-32", "cp852"])
@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_lines_are_read_in_the_encoding_of_their_file(encoding: str, suffix: str) -> None:
    content = "text\r\nčlánok\nľuďom".encode(encoding)
    packed = file(PACKERS[suffix](content) if suffix else content, "a.txt" + suffix)
    in_encoding = replace(packed, encoding=encoding)
    assert list(read_lines(in_encoding)) == ["text", "článok", "ľuďom"]
    assert read_whole_text(in_encoding) == "text\r\nčlánok\nľuďom"
    assert read_first_character(in_encoding) == "t"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    content = file("článok\nľuďom\n".encode(encoding))
    assert list(read_lines(content)) == ["článok", "ľuďom"]
    assert read_whole_text(content) == "článok\nľuďom\n"
    assert read_first_character(content) == "č"


def test_what_is_no_text_in_its_encoding_is_rejected() -> None:
    lines = list(read_lines(replace(file(b"a\n\x81b\nc"), encoding="cp1252")))
    fault = Rejection(position="a.txt:2", reason="not valid cp1252", excerpt="\ufffdb")
    assert lines == ["a", fault, "c"]
    whole = Rejection(position="a.txt", reason="not valid cp1252", excerpt="a\n\ufffdb\nc")
    assert read_whole_text(replace(file(b"a\n\x81b\nc"), encoding="cp1252")) == whole
    lone_surrogate = "a\n".encode("utf-16") + b"\x00\xd8\n\x00"
    assert [isinstance(line, str) for line in read_lines(file(lone_surrogate))] == [True, False]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**16)
    return 2**16


def too_long(position: str, excerpt: str) -> Rejection:
    return Rejection(position=position, reason="record too long", excerpt=excerpt)


@pytest.mark.parametrize("suffix", ["", *PACKERS])
@pytest.mark.parametrize("character", ["a", " ", "č", "保"])
def test_a_line_that_is_too_long_is_passed_over(short: int, suffix: str, character: str) -> None:
    plain = f"one\n{character * 4 * short}\ntwo\n".encode()
    packed = PACKERS[suffix](plain) if suffix else plain
    assert list(read_lines(file(packed, "a.txt" + suffix))) == [
        "one",
        too_long(f"a.txt{suffix}:2", character * 200),
        "two",
    ]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.slow
def test_memory_stays_flat_whatever_a_line_unpacks_to(short: int, suffix: str) -> None:
    packed = PACKERS[suffix](b"a" * 2**24) * 6
    tracemalloc.start()
    try:
        assert list(read_lines(file(packed, "a" + suffix))) == [too_long(f"a{suffix}:1", "a" * 200)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 * 2**20


def test_memory_is_bounded_by_the_longest_record() -> None:
    packed = zstandard.ZstdCompressor().compress(b"one\n" + b" " * 3 * MAX_RECORD_BYTES + b"\ntwo")
    assert len(packed) < 2**15
    tracemalloc.start()
    try:
        assert list(read_lines(file(packed, "a.zst"))) == ["one", too_long("a.zst:2", " " * 200), "two"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MAX_RECORD_BYTES


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_line_of_just_the_longest_length_is_kept(short: int, end: str) -> None:
    line = "a" * (short - len(end))
    assert list(read_lines(file((line + end).encode()))) == [line]
    assert list(read_lines(file(("a" + line + end).encode()))) == [too_long("a.txt:1", "a" * 200)]


def test_the_beginning_of_a_line_that_is_too_long_is_plain_text(short: int) -> None:
    line = b"\xef\xbb\xbf\xff" + b"x" * short
    expected = too_long("a.txt:1", "\ufffd" + "x" * 199)
    for keep_undecodable in (False, True):
        assert list(read_lines(file(line), keep_undecodable=keep_undecodable)) == [expected]


@given(st.lists(st.binary(max_size=40)), st.integers(1, 20))
def test_no_line_is_lost_or_split_by_the_bound(parts: list[bytes], longest: int) -> None:
    lines = [part.replace(b"\n", b"") for part in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "MAX_RECORD_BYTES", longest)
        content = file(b"".join(line + b"\n" for line in lines))
        assume(not describe_other_form(content.open_bytes().read()))
        lines_read = list(read_lines(content, keep_undecodable=True))
    assert [isinstance(line, Rejection) for line in lines_read] == [len(line) + 1 > longest for line in lines]


def test_lines_of_one_record_are_joined(short: int) -> None:
    record = RecordLines("a.txt:3")
    assert (record.text(), record.lines) == ("", 0)
    for line in ("", "one", "", "zwölf"):
        record.add(line)
    assert (record.text(), record.lines, record.rejection) == ("\none\n\nzwölf", 4, None)


@pytest.mark.parametrize("line", ["a" * 999, "č" * 499 + "a", "\udcff" * 999])
def test_lines_that_are_too_long_together_are_one_rejection(short: int, line: str) -> None:
    record = RecordLines("a.txt:3")
    for _ in range(65):
        record.add(line)
    assert record.text() == "\n".join([line] * 65)
    for _ in range(500):
        record.add(line)
    assert record.text() == too_long("a.txt:3", line[:200].replace("\udcff", "\ufffd"))
    assert record.lines == 565


def test_a_line_that_is_too_long_makes_its_record_too_long(short: int) -> None:
    record = RecordLines("a.txt:3")
    for line in ("one", too_long("a.txt:4", "b" * 200), "two"):
        record.add(line)
    assert record.text() == record.rejection == too_long("a.txt:3", "one\n" + "b" * 196)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ""),
        (b" \n" * 200_000, ""),
        (b"\xef\xbb\xbf\r\n\xc2\xa0[1", "["),
        ("\n č".encode(), "č"),
        (b"\xff", "\ufffd"),
    ],
)
def test_the_first_character_is_no_white_space(content: bytes, expected: str) -> None:
    assert read_first_character(file(content)) == expected
    assert read_first_character(file(gzip.compress(content), "a.gz")) == expected


def test_a_million_blank_lines_in_a_row_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MOST_BLANK_LINES", 3)
    assert list(read_lines(file(b"a\n\n \n\nb\n\n\n\n"))) == ["a", "", " ", "", "b", "", "", ""]
    with pytest.raises(SourceError) as caught:
        list(read_lines(file(b"a\n\n\n\n\n")))
    assert str(caught.value) == (
        "a.txt:2: more than 3 blank lines follow each other; take them out, or leave the file out with "
        "files = [...]"
    )
    assert read_first_character(file(b"\n\n\n\n\nb")) == ""


def test_blank_lines_that_end_in_carriage_returns_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MOST_BLANK_LINES", 3)
    assert list(read_lines(file(b"a\r\r\r\rb\r"))) == ["a", "", "", "", "b"]
    with pytest.raises(SourceError, match=r"^a\.txt:2: more than 3 blank lines follow each other"):
        list(read_lines(file(b"a\r\r\r\r\rb")))
