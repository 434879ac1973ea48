from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.sources.formats import mediawiki_dump
from calibset.sources.formats.mediawiki_dump import (
    LONGEST,
    DumpPage,
    Site,
    read_dump,
    read_index,
    read_site,
    read_stream,
)
from calibset.storage import text_lines
from calibset.storage.files import File, memory_reader

HEAD = """\
<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="sk">
  <siteinfo>
    <sitename>Wikipédia</sitename>
    <base>https://sk.wikipedia.org/wiki/Hlavn%C3%A1_str%C3%A1nka</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Súbor</namespace>
    </namespaces>
  </siteinfo>
"""
END = "</mediawiki>\n"
SITE = Site(url="https://sk.wikipedia.org/wiki", namespaces=(("0", ""), ("6", "Súbor")), language="sk")


def page(number: int, text: str = "Rieka.", extra: str = "") -> str:
    return f"""\
  <page>
    <title>Názov {number} &amp; B</title>
    <ns>0</ns>
    <id>{number}</id>{extra}
    <revision>
      <id>900{number}</id>
      <contributor><username>Ja</username><id>7</id></contributor>
      <model>wikitext</model>
      <text bytes="6" xml:space="preserve">{text}</text>
    </revision>
  </page>
"""


def expected(number: int, text: str = "Rieka.", site: Site = SITE) -> DumpPage:
    return DumpPage(
        id=str(number),
        title=f"Názov {number} & B",
        namespace="0",
        redirect=False,
        model="wikitext",
        wikitext=text,
        too_long=False,
        site=site,
    )


def read(data: bytes | str, name: str = "d.xml") -> list[DumpPage | Rejection]:
    content = data.encode() if isinstance(data, str) else data
    return list(read_dump(memory_reader({name: content}).files("*")[0]))


WHOLE = (HEAD + page(1) + page(2, "a&lt;ref&gt; ''b''\n[[č]]") + END).encode()
CUT_OFF = Rejection(position="d.xml", reason="dump cut off")


def test_pages_have_their_fields_and_not_those_of_their_revisions() -> None:
    assert read(WHOLE) == [expected(1), expected(2, "a<ref> ''b''\n[[č]]")]


@pytest.mark.parametrize("version", ["0.3", "0.10", "0.11"])
def test_any_version_and_none_is_read(version: str) -> None:
    assert read(WHOLE.replace(b"0.11", version.encode())) == read(WHOLE)
    assert read(WHOLE.replace(b' xmlns="http://www.mediawiki.org/xml/export-0.11/"', b"")) == read(WHOLE)


def test_redirects_namespaces_and_missing_fields() -> None:
    text = HEAD + page(1, extra='<redirect title="B" />') + "<page><ns>10</ns></page>" + page(3, "") + END
    redirect, bare, empty = read(text)
    assert isinstance(redirect, DumpPage)
    assert redirect.redirect
    assert bare == DumpPage(
        id="", title="", namespace="10", redirect=False, model="", wikitext="", too_long=False, site=SITE
    )
    assert empty == expected(3, "")


def test_the_latest_of_several_revisions_counts_and_other_slots_do_not() -> None:
    slots = "<content><role>media</role><model>json</model><text>{}</text></content>"
    older = f"<revision><id>1</id><model>css</model><text>old</text>{slots}</revision>"
    assert read(HEAD + page(1, extra=older) + END) == [expected(1)]


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("d.xml.gz", gzip.compress(WHOLE)),
        ("d.xml.bz2", bz2.compress(WHOLE)),
        ("d.xml.xz", lzma.compress(WHOLE)),
        ("d.xml.zst", zstandard.compress(WHOLE)),
        ("d.xml.bz2", b"".join(bz2.compress(part) for part in (WHOLE[:700], WHOLE[700:1200], WHOLE[1200:]))),
    ],
)
def test_packed_dumps_are_read_alike(name: str, packed: bytes) -> None:
    assert read(packed, name) == read(WHOLE)


@pytest.mark.parametrize("suffix", [".bz2", ".gz", ".xz", ".zst", ""])
def test_a_dump_cut_off_keeps_its_whole_pages(suffix: str) -> None:
    # What a packer can't shrink, so that a part of the file holds a part of the pages.
    noise = [bz2.compress(str(i).encode()).hex() * 9 for i in range(400)]
    plain = (HEAD + "".join(page(i, noise[i]) for i in range(400)) + END).encode()
    pack: dict[str, Callable[[bytes], bytes]] = {
        ".bz2": bz2.compress,
        ".gz": gzip.compress,
        ".xz": lzma.compress,
        ".zst": zstandard.compress,
    }
    data = pack[suffix](plain) if suffix else plain
    *pages, last = read(data[: len(data) * 3 // 4], f"d.xml{suffix}")
    assert last == Rejection(position=f"d.xml{suffix}", reason="dump cut off")
    assert pages == [expected(i, noise[i]) for i in range(len(pages))]
    if suffix != ".bz2":  # one of its blocks holds them all
        assert pages


@given(st.integers(0, len(WHOLE) - len(END) - 1))
def test_wherever_it_is_cut_off_there_is_one_rejection_at_the_end(length: int) -> None:
    whole = read(WHOLE)
    pages = read(WHOLE[:length])
    assert pages == [*whole[: len(pages) - 1], CUT_OFF]
    assert len(pages) - 1 == WHOLE[:length].count(b"</page>")


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"\0", b"&bogus;", b"</text></oops>", b"<", b"]]>"])
def test_corrupt_bytes_end_the_dump(damage: bytes) -> None:
    assert read((HEAD + page(1)).encode() + damage + (page(2) + END).encode()) == [expected(1), CUT_OFF]


def test_corrupt_packed_bytes_end_the_dump() -> None:
    first, second = bz2.compress((HEAD + page(1)).encode()), bytearray(bz2.compress((page(2) + END).encode()))
    second[len(second) // 2] ^= 0xFF
    pages = read(first + second, "d.xml.bz2")
    assert pages[0] == expected(1)
    assert pages[-1] == Rejection(position="d.xml.bz2", reason="dump cut off")


def test_what_stands_behind_the_end_is_not_read() -> None:
    assert read(WHOLE + b"\0 more <page>") == read(WHOLE)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE mediawiki [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE mediawiki [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE mediawiki SYSTEM "http://127.0.0.1:9/a.dtd">',
    ],
)
def test_a_document_type_is_refused(declaration: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(declaration + HEAD + page(1, "&b;&x;") + END)
    assert str(caught.value) == (
        "d.xml: it declares a document type, so it is not read; "
        "name a pages-articles dump of dumps.wikimedia.org"
    )


@pytest.mark.parametrize("text", ["<html><body/></html>", "<mediawiki>" + "<a>" * 30])
def test_other_xml_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match=r"\Ad\.xml: no MediaWiki export, so it is not read; name a pages"):
        read(text)


@pytest.mark.parametrize("text", ["", "not XML at all", "\0\1\2"])
def test_what_is_no_xml_holds_no_pages(text: str) -> None:
    assert read(text) == [CUT_OFF]


class _Repeated(io.RawIOBase):
    """A stream of parts, none of which is in memory before it is read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._parts, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def read_streamed(parts: Iterator[bytes]) -> Iterator[DumpPage | Rejection]:
    stream = cast("BinaryIO", io.BufferedReader(_Repeated(parts)))
    return read_dump(File("d.xml", lambda: stream))


def test_a_page_over_20_mib_is_cut_short_and_the_next_one_read() -> None:
    def parts() -> Iterator[bytes]:
        before, after = page(1, "@").encode().split(b"@")
        yield HEAD.encode() + before
        for _ in range(40):
            yield b"0123456789abcdef" * 2**16
        yield after + page(2).encode() + END.encode()

    long, short = read_streamed(parts())
    assert isinstance(long, DumpPage)
    assert long.too_long
    assert LONGEST < len(long.wikitext) < LONGEST + 2**17
    assert short == expected(2)


def test_a_tag_that_never_ends_is_given_up() -> None:
    taken = 0

    def parts() -> Iterator[bytes]:
        nonlocal taken
        yield (HEAD + page(1) + "<!--").encode()
        for _ in range(200):
            taken += 1
            yield b"x" * 2**20

    assert list(read_streamed(parts())) == [expected(1), CUT_OFF]
    assert taken < 5


@pytest.mark.slow
def test_memory_does_not_grow_with_the_dump() -> None:
    def parts() -> Iterator[bytes]:
        yield HEAD.encode()
        for number in range(4_000):
            yield page(number, "Rieka. " * 500).encode()
        yield END.encode()

    tracemalloc.start()
    try:
        count = sum(isinstance(found, DumpPage) for found in read_streamed(parts()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 4_000  # 14 MB
    assert peak < 2_000_000


STREAMS = [HEAD, page(1) + page(2), page(3), END]
COMPRESSED_STREAMS = [bz2.compress(part.encode()) for part in STREAMS]


def test_streams_are_read_by_offset() -> None:
    dump = io.BytesIO(b"".join(COMPRESSED_STREAMS))
    site = read_site(dump, "d.xml.bz2")
    assert site == SITE
    second, third = len(COMPRESSED_STREAMS[0]), len(COMPRESSED_STREAMS[0]) + len(COMPRESSED_STREAMS[1])
    assert list(read_stream(dump, "d", third, site)) == [expected(3)]
    assert list(read_stream(dump, "d", second, site)) == [expected(1), expected(2)]


def test_streams_may_be_read_in_turn() -> None:
    dump = io.BytesIO(b"".join(COMPRESSED_STREAMS))
    one = read_stream(dump, "d", len(COMPRESSED_STREAMS[0]), SITE)
    other = read_stream(dump, "d", len(COMPRESSED_STREAMS[0]) + len(COMPRESSED_STREAMS[1]), SITE)
    assert [next(one), next(other), next(one)] == [expected(1), expected(3), expected(2)]
    assert list(one) == list(other) == []


@pytest.mark.parametrize("offset", [1, 10**9])
def test_an_offset_of_another_dump_gives_a_rejection(offset: int) -> None:
    pages = list(read_stream(io.BytesIO(b"".join(COMPRESSED_STREAMS)), "d", offset, SITE))
    assert pages == [Rejection(position=f"d@{offset}", reason="dump cut off")]


def test_a_stream_that_is_cut_off_is_rejected() -> None:
    data = b"".join(COMPRESSED_STREAMS[:2])[:-5]
    pages = list(read_stream(io.BytesIO(data), "d", len(COMPRESSED_STREAMS[0]), SITE))
    assert pages[-1] == Rejection(position=f"d@{len(COMPRESSED_STREAMS[0])}", reason="dump cut off")


def test_the_index_counts_the_pages_of_each_stream() -> None:
    text = "563:1:A\n563:2:B: C\n70:3:D\n\nodd\n-5:1:x\n²:1:y\n99999999999999999999:1:z\n"
    index = memory_reader({"i.txt.bz2": bz2.compress(text.encode())}).files("*")[0]
    assert read_index(index) == {563: 2, 70: 1}


@given(st.binary())
def test_no_bytes_make_it_fail(data: bytes) -> None:
    for content in (data, HEAD.encode() + data):
        try:
            pages = read(content)
        except SourceError:
            continue
        assert all(isinstance(page, DumpPage | Rejection) for page in pages)


def test_an_index_of_more_streams_than_any_dump_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mediawiki_dump, "MOST_STREAMS", 3)
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 1_000)
    few = "".join(f"{offset}:1:A\n" for offset in (600, 600, 700, 800))
    (index,) = memory_reader({"i.txt": f"{few}{'9' * 2_000}\n".encode()}).files("*")
    assert read_index(index) == {600: 2, 700: 1, 800: 1}
    (index,) = memory_reader({"i.txt": f"{few}900:1:A\n".encode()}).files("*")
    with pytest.raises(SourceError) as caught:
        read_index(index)
    assert str(caught.value) == "i.txt: names more than 3 streams; fetch the dump and its index again"


def test_names_that_are_too_long_are_cut_short() -> None:
    namespaces = f'<namespace key="{"6" * 100}">{"S" * 2**20}</namespace>'
    (only,) = read(
        f"<mediawiki><siteinfo><namespaces>{namespaces}</namespaces></siteinfo>{page(1)}</mediawiki>"
    )
    assert isinstance(only, DumpPage)
    ((key, name),) = only.site.namespaces
    assert key == "6" * 16
    assert 2**14 < len(name) < 2**17
    assert not only.too_long


def test_a_page_with_a_title_that_is_too_long_is_too_long() -> None:
    (only,) = read(f"<mediawiki><page><title>{'T' * 2**20}</title><id>1</id></page></mediawiki>")
    assert isinstance(only, DumpPage)
    assert only.too_long
    assert 2**14 < len(only.title) < 2**17


@pytest.mark.parametrize(
    ("attributes", "database", "language"),
    [
        ('xml:lang="sr"', "", "sr"),
        ('xml:lang="zh-Hans"', "<dbname>zhwiki</dbname>", "zh-hans"),
        ("", "<dbname>srwiki</dbname>", "sr"),
        ("", "<dbname>zh_classicalwiki</dbname>", "zh-classical"),
        ("", "<dbname>other</dbname>", ""),
        ("", "", ""),
    ],
)
def test_the_wikis_language_is_that_of_the_root_or_of_the_database(
    attributes: str, database: str, language: str
) -> None:
    text = f"<mediawiki {attributes}><siteinfo>{database}</siteinfo>{page(1)}{END}"
    (file,) = memory_reader({"d.xml": text.encode()}).files("*")
    (only,) = read_dump(file)
    assert isinstance(only, DumpPage)
    assert only.site.language == language
