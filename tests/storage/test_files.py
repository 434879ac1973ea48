from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
import zlib
from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.storage import files
from calibset.storage.files import (
    MAX_RECORD_BYTES,
    File,
    RecordLines,
    has_undecodable_bytes,
    match_names,
    memory_reader,
    open_decompressed,
    read_first_character,
    read_lines,
    read_whole,
)

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def file(content: bytes, name: str = "a.txt") -> File:
    return File(name, lambda: io.BytesIO(content))


def test_files_in_memory_open_like_any_others() -> None:
    reader = memory_reader({"b/c.json": b"{}", "a.json": b"[1]", "a.txt": b""}, "here")
    found = reader.files("*.json", "a.*n")
    assert [(one.name, one.size) for one in found] == [("a.json", 3), ("b/c.json", 2)]
    with found[0].open_bytes() as stream:
        assert stream.read() == b"[1]"
    assert (reader.location, reader.revision) == ("here", None)


def test_no_match_names_the_patterns_and_some_files() -> None:
    with pytest.raises(SourceError) as caught:
        memory_reader({f"{i}.txt": b"" for i in range(7)}, "here").files("*.csv", "*.tsv")
    assert str(caught.value) == (
        "here: no file matches *.csv, *.tsv; it holds 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more: "
        "name the right ones with files = [...]"
    )


def test_an_empty_place_says_so() -> None:
    with pytest.raises(SourceError, match="it holds nothing: name"):
        memory_reader({}, "here").files("*")


@given(st.lists(st.text("ab/.*[", max_size=6), max_size=8), st.lists(st.text("ab*?[]/", max_size=4)))
def test_matching_is_sorted_and_says_why_it_finds_nothing(names: list[str], patterns: list[str]) -> None:
    expected = {name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)}
    if expected:
        assert set(match_names(tuple(names), tuple(patterns), "here")) == expected
        assert match_names(tuple(names), tuple(patterns), "here") == sorted(
            name for name in names if name in expected
        )
    else:
        with pytest.raises(SourceError, match=r"^here: no file matches"):
            match_names(tuple(names), tuple(patterns), "here")


@pytest.mark.parametrize(
    ("name", "stem"), [("a/b.json.gz", "b.json"), ("b.json", "b.json"), ("x.tar.zst", "x.tar"), (".gz", "")]
)
def test_a_stem_has_no_folder_and_no_compression(name: str, stem: str) -> None:
    assert file(b"", name).stem == stem


@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_packed_files_read_as_plain_ones(suffix: str) -> None:
    plain = b"one\ntwo\n" * 50_000
    packed = PACKERS[suffix](plain) if suffix else plain
    with open_decompressed(file(packed, "a.txt" + suffix)) as stream:
        assert stream.read() == plain
    assert sum(1 for _ in read_lines(file(packed, "a.txt" + suffix))) == 100_000


@pytest.mark.parametrize("suffix", PACKERS)
def test_packed_files_of_several_parts_are_read_to_the_end(suffix: str) -> None:
    packed = PACKERS[suffix](b"one\n") + PACKERS[suffix](b"two\n")
    assert list(read_lines(file(packed, "a" + suffix))) == ["one", "two"]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("harm", ["cut off", "cut off late", "other bytes"])
def test_a_damaged_file_is_a_clear_error(suffix: str, harm: str) -> None:
    whole = PACKERS[suffix](bytes(range(256)) * 400)
    content = {"cut off": whole[: len(whole) // 2], "cut off late": whole[:-1], "other bytes": b"text " * 9}
    with pytest.raises(
        SourceError, match=rf"^a\.txt\{suffix}: damaged or cut off \(.+\); fetch the file again$"
    ):
        list(read_lines(file(content[harm], "a.txt" + suffix)))


def test_what_stands_before_the_damage_is_read() -> None:
    whole = PACKERS[".zst"](b"one\n" * 9)
    lines = read_lines(file(whole + whole[:-1], "a.zst"))
    assert [next(lines) for _ in range(9)] == ["one"] * 9
    with pytest.raises(SourceError, match="it ends inside a frame"):
        list(lines)


@given(st.binary(max_size=200), st.sampled_from(["", *PACKERS]))
def test_any_bytes_are_lines_or_a_source_error(content: bytes, suffix: str) -> None:
    try:
        lines = list(read_lines(file(content, "a" + suffix)))
    except SourceError:
        assert suffix
    else:
        assert all(isinstance(line, str) and "\n" not in line for line in lines)


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\ufeff", exclude_categories=["Cs"])), max_size=6)
)
def test_only_line_feeds_end_lines(lines: list[str]) -> None:
    for end in ("\n", "\r\n"):
        content = "".join(line + end for line in lines).encode()
        assert list(read_lines(file(content))) == lines
        assert list(read_lines(file(b"\xef\xbb\xbf" + content))) == (lines or [""])


def test_bytes_that_are_no_utf_8_become_replacement_characters() -> None:
    assert list(read_lines(file(b"a\xffb\n\xe2\x82"))) == ["a\ufffdb", "\ufffd"]
    marked = list(read_lines(file("a\n\xe9".encode() + b"\n\xe9"), keep_undecodable=True))
    assert [has_undecodable_bytes(line) for line in marked if isinstance(line, str)] == [False, False, True]


def test_an_unusual_separator_ends_no_line() -> None:
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\rg"
    assert list(read_lines(file(text.encode()))) == [text]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(files, "MAX_RECORD_BYTES", 2**16)
    return 2**16


def too_long(place: str, excerpt: str) -> Rejection:
    return Rejection(position=place, reason="record too long", excerpt=excerpt)


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
        patch.setattr(files, "MAX_RECORD_BYTES", longest)
        found = list(read_lines(file(b"".join(line + b"\n" for line in lines))))
    assert [isinstance(line, Rejection) for line in found] == [len(line) + 1 > longest for line in lines]


def test_lines_of_one_record_are_joined(short: int) -> None:
    block = RecordLines("a.txt:3")
    assert (block.text(), block.lines) == ("", 0)
    for line in ("", "one", "", "zwölf"):
        block.add(line)
    assert (block.text(), block.lines, block.rejection) == ("\none\n\nzwölf", 4, None)


@pytest.mark.parametrize("line", ["a" * 999, "č" * 499 + "a", "\udcff" * 999])
def test_lines_that_are_too_long_together_are_one_rejection(short: int, line: str) -> None:
    block = RecordLines("a.txt:3")
    for _ in range(65):
        block.add(line)
    assert block.text() == "\n".join([line] * 65)
    for _ in range(500):
        block.add(line)
    assert block.text() == too_long("a.txt:3", line[:200].replace("\udcff", "\ufffd"))
    assert block.lines == 565


def test_a_line_that_is_too_long_makes_its_record_too_long(short: int) -> None:
    block = RecordLines("a.txt:3")
    for line in ("one", too_long("a.txt:4", "b" * 200), "two"):
        block.add(line)
    assert block.text() == block.rejection == too_long("a.txt:3", "one\n" + "b" * 196)


@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_a_file_that_is_read_as_a_whole_has_a_bound(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(files, "MAX_WHOLE_FILE_BYTES", 2**20)
    content = {size: b" " * size for size in (2**20, 2**20 + 1)}
    packed = {size: PACKERS[suffix](text) if suffix else text for size, text in content.items()}
    assert read_whole(file(packed[2**20], "a" + suffix)) == content[2**20]
    with pytest.raises(SourceError) as caught:
        read_whole(file(packed[2**20 + 1], "a" + suffix))
    assert str(caught.value) == (
        f"a{suffix}: holds more than 1,048,576 bytes, too many for a file that is read as a whole; "
        "split it, or leave it out with files = [...]"
    )


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


def zstandard_of_window(exponent: int) -> bytes:
    """Return a frame of one raw block that asks for a window of two to this power."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(exponent - 10) << 3]) + b"\x21\0\0" + b"one\n"


def xz_of_dictionary(exponent: int) -> bytes:
    """Return a stream whose block's header asks for a dictionary of two to this power."""
    packed = bytearray(lzma.compress(b"one\n"))
    end = 12 + 4 * packed[12]
    packed[16] = 2 * (exponent - 12)
    packed[end : end + 4] = zlib.crc32(packed[12:end]).to_bytes(4, "little")
    return bytes(packed)


@pytest.mark.parametrize(("suffix", "packed"), [(".zst", zstandard_of_window), (".xz", xz_of_dictionary)])
def test_a_window_that_would_fill_the_memory_is_refused(suffix: str, packed: Callable[[int], bytes]) -> None:
    assert list(read_lines(file(packed(26), "a" + suffix))) == ["one"]
    with pytest.raises(SourceError) as caught:
        list(read_lines(file(packed(31), "a" + suffix)))
    assert str(caught.value) == (
        f"a{suffix}: takes more than 268,435,456 bytes of memory to unpack; pack it with a smaller window"
    )


def test_zeros_may_stand_behind_the_streams_of_an_xz_file() -> None:
    one, two = lzma.compress(b"one\n"), lzma.compress(b"two\n")
    assert list(read_lines(file(one + bytes(4096) + two + bytes(4), "a.xz"))) == ["one", "two"]


@pytest.mark.parametrize("suffix", [".bz2", ".xz", ".zst"])
def test_a_packed_file_without_a_byte_is_cut_off(suffix: str) -> None:
    with pytest.raises(SourceError, match="damaged or cut off"):
        list(read_lines(file(b"", "a" + suffix)))
