from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calibset.errors import SourceError
from calibset.storage.files import File, in_memory, is_faulty, matching, open_plain, text_lines

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def file(content: bytes, name: str = "a.txt") -> File:
    return File(name, lambda: io.BytesIO(content))


def test_files_in_memory_open_like_any_others() -> None:
    reader = in_memory({"b/c.json": b"{}", "a.json": b"[1]", "a.txt": b""}, "here")
    found = reader.files("*.json", "a.*n")
    assert [(one.name, one.size) for one in found] == [("a.json", 3), ("b/c.json", 2)]
    with found[0].open_bytes() as stream:
        assert stream.read() == b"[1]"
    assert (reader.place, reader.revision) == ("here", None)


def test_no_match_names_the_patterns_and_some_files() -> None:
    with pytest.raises(SourceError) as caught:
        in_memory({f"{i}.txt": b"" for i in range(7)}, "here").files("*.csv", "*.tsv")
    assert str(caught.value) == (
        "here: no file matches *.csv, *.tsv; it holds 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more: "
        "name the right ones with files = [...]"
    )


def test_an_empty_place_says_so() -> None:
    with pytest.raises(SourceError, match="it holds nothing: name"):
        in_memory({}, "here").files("*")


@given(st.lists(st.text("ab/.*[", max_size=6), max_size=8), st.lists(st.text("ab*?[]/", max_size=4)))
def test_matching_is_sorted_and_says_why_it_finds_nothing(names: list[str], patterns: list[str]) -> None:
    expected = {name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)}
    if expected:
        assert set(matching(tuple(names), tuple(patterns), "here")) == expected
        assert matching(tuple(names), tuple(patterns), "here") == sorted(
            name for name in names if name in expected
        )
    else:
        with pytest.raises(SourceError, match=r"^here: no file matches"):
            matching(tuple(names), tuple(patterns), "here")


@pytest.mark.parametrize(
    ("name", "stem"), [("a/b.json.gz", "b.json"), ("b.json", "b.json"), ("x.tar.zst", "x.tar"), (".gz", "")]
)
def test_a_stem_has_no_folder_and_no_compression(name: str, stem: str) -> None:
    assert file(b"", name).stem == stem


@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_packed_files_read_as_plain_ones(suffix: str) -> None:
    plain = b"one\ntwo\n" * 50_000
    packed = PACKERS[suffix](plain) if suffix else plain
    with open_plain(file(packed, "a.txt" + suffix)) as stream:
        assert stream.read() == plain
    assert sum(1 for _ in text_lines(file(packed, "a.txt" + suffix))) == 100_000


@pytest.mark.parametrize("suffix", PACKERS)
def test_packed_files_of_several_parts_are_read_to_the_end(suffix: str) -> None:
    packed = PACKERS[suffix](b"one\n") + PACKERS[suffix](b"two\n")
    assert list(text_lines(file(packed, "a" + suffix))) == ["one", "two"]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("harm", ["cut off", "cut off late", "other bytes"])
def test_a_damaged_file_is_a_clear_error(suffix: str, harm: str) -> None:
    whole = PACKERS[suffix](bytes(range(256)) * 400)
    content = {"cut off": whole[: len(whole) // 2], "cut off late": whole[:-1], "other bytes": b"text " * 9}
    with pytest.raises(
        SourceError, match=rf"^a\.txt\{suffix}: damaged or cut off \(.+\); fetch the file again$"
    ):
        list(text_lines(file(content[harm], "a.txt" + suffix)))


def test_what_stands_before_the_damage_is_read() -> None:
    whole = PACKERS[".zst"](b"one\n" * 9)
    lines = text_lines(file(whole + whole[:-1], "a.zst"))
    assert [next(lines) for _ in range(9)] == ["one"] * 9
    with pytest.raises(SourceError, match="it ends inside a frame"):
        list(lines)


@given(st.binary(max_size=200), st.sampled_from(["", *PACKERS]))
def test_any_bytes_are_lines_or_a_source_error(content: bytes, suffix: str) -> None:
    try:
        lines = list(text_lines(file(content, "a" + suffix)))
    except SourceError:
        assert suffix
    else:
        assert all("\n" not in line for line in lines)


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\ufeff", exclude_categories=["Cs"])), max_size=6)
)
def test_only_line_feeds_end_lines(lines: list[str]) -> None:
    for end in ("\n", "\r\n"):
        content = "".join(line + end for line in lines).encode()
        assert list(text_lines(file(content))) == lines
        assert list(text_lines(file(b"\xef\xbb\xbf" + content))) == (lines or [""])


def test_bytes_that_are_no_utf_8_become_replacement_characters() -> None:
    assert list(text_lines(file(b"a\xffb\n\xe2\x82"))) == ["a\ufffdb", "\ufffd"]
    marked = list(text_lines(file("a\n\xe9".encode() + b"\n\xe9"), mark_faults=True))
    assert [is_faulty(line) for line in marked] == [False, False, True]


def test_an_unusual_separator_ends_no_line() -> None:
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\rg"
    assert list(text_lines(file(text.encode()))) == [text]
