from __future__ import annotations

import bz2
import io
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import BinaryIO

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.core.seeding import shuffled
from calibset.sources.adapters.wikipedia import Wikipedia
from calibset.sources.formats.wikiextractor import Page, clean_page, parse_attributes
from calibset.storage import text_lines
from calibset.storage.files import Choice, File, keep_all, memory_reader

SOURCE = Wikipedia(group="sk", where=("wiki",))

PLAIN = """\
<doc id="7" url="https://sk.wikipedia.org/wiki?curid=7" title="Poprad (rieka)">
Poprad (rieka)

Poprad () je rieka.

</doc>
<doc id="8" url="https://sk.wikipedia.org/wiki?curid=8" title="Presmerovanie">
Presmerovanie

</doc>
"""


def read(text: str | bytes, name: str = "AA/wiki_00", source: Wikipedia = SOURCE) -> list[Record]:
    data = text.encode() if isinstance(text, str) else text
    (file,) = memory_reader({name: data}).files("*")
    return list(source.read(file))


def parquet(*rows: Mapping[str, object]) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), sink)
    return sink.getvalue()


POPRAD = Document(
    id="7",
    text="Poprad (rieka)\n\nPoprad je rieka.",
    metadata={"url": "https://sk.wikipedia.org/wiki?curid=7", "title": "Poprad (rieka)"},
)
REDIRECT = "no text (a redirect or an empty page)"


def test_plain_pages_keep_their_title_once_and_redirects_are_set_aside() -> None:
    assert read(PLAIN) == [POPRAD, Filtered(position="AA/wiki_00#8", reason=REDIRECT)]


def test_all_forms_of_a_page_give_the_same_document() -> None:
    row = {"id": "7", "url": POPRAD.metadata["url"], "title": "Poprad (rieka)", "text": "Poprad () je rieka."}
    line = json.dumps({"revid": "1", **row}) + "\n"
    assert read("\n" + line) == [POPRAD]
    assert read(bz2.compress(line.encode()), "AA/wiki_00.bz2") == [POPRAD]
    assert read(bz2.compress(PLAIN.encode()), "AA/wiki_00.bz2")[0] == POPRAD
    assert read(parquet(row), "20231101.sk/train-00000-of-00001.parquet") == [POPRAD]


DUMP_HEAD = """<mediawiki><siteinfo><base>https://sk.wikipedia.org/wiki/Hlavn%C3%A1</base>
<namespaces><namespace key="6">Súbor</namespace><namespace key="14">Kategória</namespace></namespaces>
</siteinfo>
"""


def dump_page(number: int, wikitext: str, title: str = "A", more: str = "<ns>0</ns>") -> str:
    revision = f"<revision><id>1</id><text>{wikitext}</text></revision>"
    return f"<page><title>{title}</title>{more}<id>{number}</id>{revision}</page>\n"


POPRAD_WIKITEXT = """{{Infobox
| dĺžka = 170}}
[[Súbor:Poprad.jpg|náhľad|[[Rieka]]]]
'''Poprad''' ({{vjz|pol}}) je [[rieka|riekou]] .&lt;ref&gt;Zdroj&lt;/ref&gt; R&amp;nbsp;&amp;amp;&amp;nbsp;B.
== Odkazy ==
* [http://www.example.sk Stránka]
[[Kategória:Rieky]] __BEZOBSAHU__"""


def test_a_dump_gives_the_documents_of_the_other_forms() -> None:
    text = DUMP_HEAD + dump_page(7, POPRAD_WIKITEXT, "Poprad (rieka)") + "</mediawiki>"
    document = Document(
        id="7",
        text="Poprad (rieka)\n\nPoprad je riekou. R & B.\n\nStránka",
        metadata={"url": "https://sk.wikipedia.org/wiki?curid=7", "title": "Poprad (rieka)"},
    )
    for name, data in {
        "skwiki-20240101-pages-articles.xml.bz2": bz2.compress(text.encode()),
        "skwiki/skwiki-pages-articles.xml": text.encode(),
        "pages-articles1.xml-p1p9.bz2": bz2.compress(text.encode()),
        "skwiki.xml.zst": zstandard.compress(text.encode()),
    }.items():
        assert read(data, name) == [document]


def test_pages_of_a_dump_that_are_no_articles() -> None:
    deep = "[[" * 100_000
    text = DUMP_HEAD + "".join(
        [
            dump_page(1, "#PRESMERUJ [[B]]", more='<ns>0</ns><redirect title="B"/>'),
            dump_page(2, "{{x}}", more="<ns>10</ns>"),
            dump_page(3, "{{x}}\n[[Kategória:B]]"),
            dump_page(4, deep),
            dump_page(5, "a" * (20 * 2**20 + 1)),
            dump_page(6, ".a {}").replace("<text>", "<model>css</model><text>"),
            "<page><title>B</title><ns>0</ns></page>",
            dump_page(8, "b"),
            "<page><title>C",
        ]
    )
    at = "pages-articles.xml"
    assert read(text, at) == [
        Filtered(position=f"{at}#1", reason="redirect"),
        Filtered(position=f"{at}#2", reason="namespace other than 0"),
        Filtered(position=f"{at}#3", reason=REDIRECT),
        Rejection(position=f"{at}#4", reason="wikitext too deeply nested", excerpt="[" * 200),
        Rejection(position=f"{at}#5", reason="page too long", excerpt="a" * 200),
        Filtered(position=f"{at}#6", reason="no wikitext"),
        Rejection(position=at, reason="page without an id", excerpt="B"),
        Document(
            id="8", text="A\n\nb", metadata={"url": "https://sk.wikipedia.org/wiki?curid=8", "title": "A"}
        ),
        Rejection(position=at, reason="dump cut off"),
    ]


def ids(contents: dict[str, bytes], seed: int, source: Wikipedia = SOURCE) -> list[int]:
    records = list(source.read_shuffled(memory_reader(contents), seed=seed))
    assert all(isinstance(record, Document) for record in records), records
    return [int(record.id) for record in records if isinstance(record, Document)]


def multistream(count: int, size: int) -> dict[str, bytes]:
    """Return a dump of ``count`` streams of ``size`` pages, with its index."""
    streams, index = [bz2.compress(DUMP_HEAD.encode())], []
    for first in range(0, count * size, size):
        offset = sum(map(len, streams))
        index += [f"{offset}:{number}:A" for number in range(first, first + size)]
        streams.append(bz2.compress("".join(dump_page(n, "b") for n in range(first, first + size)).encode()))
    streams.append(bz2.compress(b"</mediawiki>"))
    return {
        "d/w-pages-articles-multistream.xml.bz2": b"".join(streams),
        "d/w-pages-articles-multistream-index.txt.bz2": bz2.compress("\n".join(index).encode()),
    }


def test_a_multistream_dump_with_its_index_is_sampled_fairly() -> None:
    contents = multistream(100, 20)
    order = ids(contents, 42)
    assert sorted(order) == list(range(2_000))
    assert order == ids(contents, 42) != ids(contents, 43)
    # 320 pages of 32 streams or more: their mean is near the middle, the tenths are all there.
    prefix = order[:320]
    assert len({number // 20 for number in prefix}) == 32
    assert len({number // 200 for number in prefix}) >= 8
    assert 700 < sum(prefix) / 320 < 1_300


def test_a_dump_without_an_index_is_shuffled_within_a_buffer() -> None:
    dump, index = multistream(100, 30)
    contents = {dump: multistream(100, 30)[dump]}
    order = ids(contents, 42)
    assert sorted(order) == list(range(3_000))
    assert sorted(order[:1_000]) == list(range(1_000)) != order[:1_000]
    assert order == ids(contents, 42) != ids(contents, 43)
    assert index not in contents


def test_only_a_dump_without_an_index_is_read_from_its_beginning() -> None:
    contents = multistream(2, 5)
    dump, _ = contents
    assert not SOURCE.is_streamed(memory_reader(contents))
    assert SOURCE.is_streamed(memory_reader({dump: contents[dump]}))
    part = Wikipedia(group="sk", where=("w",), files=("*.xml-p1p9.bz2",))
    assert part.is_streamed(memory_reader({"w-pages-articles.xml-p1p9.bz2": contents[dump]}))
    pages = {"AA/wiki_00": PLAIN.encode(), "a.parquet": parquet({"id": "1", "text": "a"})}
    assert not SOURCE.is_streamed(memory_reader(pages))
    assert SOURCE.is_streamed(memory_reader({**pages, dump: contents[dump]}))


def test_of_a_multistream_dump_only_the_streams_drawn_are_read() -> None:
    # Random, so that packing leaves streams of more bytes than are read at once.
    texts = iter(shuffled(range(300_000), 1, "words"))
    streams, index = [bz2.compress(DUMP_HEAD.encode())], ""
    for number in range(40):
        index += f"{sum(map(len, streams))}:{number}:A\n"
        words = " ".join(str(next(texts)) for _ in range(7_000))
        streams.append(bz2.compress(dump_page(number, words).encode()))
    data = b"".join([*streams, bz2.compress(b"</mediawiki>")])
    reads: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            reads.append(size or 0)
            return super().read(size)

    def fails() -> BinaryIO:
        raise AssertionError("opened for reading from its beginning")

    name = "w-pages-articles-multistream.xml.bz2"
    (found,) = memory_reader({"i": bz2.compress(index.encode())}).files("i")
    dump = File(name, fails, len(data), lambda: Counting(data))

    class Place:
        location, revision = "here", None

        def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
            return (dump, replace(found, name="w-pages-articles-multistream-index.txt.bz2"))

    stream = SOURCE.read_shuffled(Place(), seed=1)
    next(stream)
    assert sum(reads) < 0.2 * len(data)


def test_a_dump_comes_once_though_it_is_there_in_both_forms() -> None:
    contents = multistream(2, 5)
    plain = DUMP_HEAD + "".join(dump_page(n, "b") for n in range(10)) + "</mediawiki>"
    contents["d/w-pages-articles.xml.bz2"] = bz2.compress(plain.encode())
    assert sorted(ids(contents, 1)) == list(range(10))
    named = Wikipedia(group="sk", where=("w",), files=("d/*multistream*.bz2",))
    assert ids(contents, 1, named) == ids(contents, 1)
    assert [file.name for file in named.select_files(memory_reader(contents))] == [
        "d/w-pages-articles-multistream.xml.bz2"
    ]


def test_an_index_with_wrong_offsets_loses_their_pages_only() -> None:
    contents = multistream(3, 2)
    index = "d/w-pages-articles-multistream-index.txt.bz2"
    contents[index] = bz2.compress(bz2.decompress(contents[index]) + b"\n17:9:A\n")
    records = list(SOURCE.read_shuffled(memory_reader(contents), seed=1))
    assert sorted(record.id for record in records if isinstance(record, Document)) == list("012345")
    assert [record for record in records if isinstance(record, Rejection)] == [
        Rejection(position="d/w-pages-articles-multistream.xml.bz2@17", reason="dump cut off")
    ]


def test_a_damaged_index_is_an_error() -> None:
    contents = multistream(2, 2)
    index = "d/w-pages-articles-multistream-index.txt.bz2"
    contents[index] = contents[index][:-4]
    with pytest.raises(SourceError, match=r"multistream-index\.txt\.bz2: damaged or cut off"):
        ids(contents, 1)


def test_parquet_rows_without_text_or_id() -> None:
    rows = parquet(
        {"id": "1", "title": "A", "text": ""}, {"id": None, "title": "B", "text": "b"}, {"id": "3"}
    )
    assert read(rows, "a.parquet") == [
        Filtered(position="a.parquet#0", reason=REDIRECT),
        Rejection(position="a.parquet#1", reason="page without an id"),
        Filtered(position="a.parquet#2", reason=REDIRECT),
    ]
    assert read(parquet({"id": "1"}), "a.parquet") == [
        Rejection(position="a.parquet#0", reason="no column 'text'")
    ]


def test_row_groups_come_through_documents() -> None:
    rows = parquet(*({"id": str(i), "text": f"text {i}"} for i in range(5)))
    reader = memory_reader(
        {"20231101.sk/train.parquet": rows, "20231101.cs/train.parquet": parquet({"id": "x"})}
    )
    source = Wikipedia(group="sk", where=("wiki",), config=("20231101.sk",))
    found = [record for record in source.read_shuffled(reader, seed=42) if isinstance(record, Document)]
    assert sorted(document.id for document in found) == ["0", "1", "2", "3", "4"]


def test_a_page_cut_off_is_rejected_and_the_whole_ones_kept() -> None:
    assert read(PLAIN[: PLAIN.index("Presmerovanie\n\n")]) == [
        POPRAD,
        Rejection(
            position="AA/wiki_00:7",
            reason="page cut off",
            excerpt='<doc id="8" url="https://sk.wikipedia.org/wiki?curid=8" title="Presmerovanie">',
        ),
    ]
    assert read('<doc id="1" title="A">\nA\n<doc id="2" title="B">\nb\n</doc>') == [
        Rejection(position="AA/wiki_00:1", reason="page cut off", excerpt='<doc id="1" title="A">'),
        Document(id="2", text="B\n\nb", metadata={"title": "B"}),
    ]


def test_text_outside_a_page_is_rejected_once_a_file() -> None:
    assert read('stray\n<doc id="1" title="A">\na\n</doc>\nmore\nand more\n') == [
        Rejection(position="AA/wiki_00:1", reason="text outside a page", excerpt="stray"),
        Document(id="1", text="A\n\na", metadata={"title": "A"}),
    ]


def test_a_page_that_is_no_utf8_is_rejected_whole() -> None:
    bad = PLAIN.replace("je rieka", "má dlhý tok").replace("rieka", "rieka č. 1", 1).encode("cp1250")
    page = '<doc id="9" url="" title="Hron">\nHron\n\nHron tečie.\n</doc>\n'.encode()
    assert [record.reason if isinstance(record, Rejection) else "" for record in read(bad + page)] == [
        "not valid UTF-8",
        "",
        "",
    ]
    line = '{"id": "1", "title": "Váh", "text": "Váh je rieka."}\n'
    assert [getattr(record, "reason", "") for record in read(line.encode("cp1250") + line.encode())] == [
        "not valid UTF-8",
        "",
    ]


def test_a_page_without_an_id_is_rejected() -> None:
    assert read('<doc title="A">\na\n</doc>') == [
        Rejection(position="AA/wiki_00:1", reason="page without an id", excerpt='<doc title="A">')
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "1", "text": "a', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "row is no object"),
        ('{"text": "a"}', "page without an id"),
        ('{"id": [], "text": "a"}', "page without an id"),
        ('{"id": "1", "text": null}', "column 'text' is no text"),
    ],
)
def test_faulty_json_lines_are_rejected(line: str, reason: str) -> None:
    good = '{"id": 5, "text": "a\\ud800"}'
    assert read(f"{good}\n{line}\n") == [
        Document(id="5", text="a�"),
        Rejection(position="AA/wiki_00:2", reason=reason, excerpt=line[:200]),
    ]


@pytest.mark.parametrize(
    "heading",
    [
        '<doc id="1" url="u" title="The "A > B" & C"">',
        '<doc title="The "A > B" & C"" url="u" id="1">',
        '<doc url="u" title="The "A > B" & C"" revid="9" id="1" >',
    ],
)
def test_attributes_are_read_by_name(heading: str) -> None:
    values = parse_attributes(heading)
    values.pop("revid", None)
    assert values == {"id": "1", "url": "u", "title": 'The "A > B" & C"'}


@given(st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"])))
def test_any_title_survives_at_the_end_of_the_line(title: str) -> None:
    values = parse_attributes(f'<doc id="1" url="u" title="{title}">')
    if '="' not in title:
        assert values == {"id": "1", "url": "u", "title": title}
    assert (values["id"], values["url"]) == ("1", "u")


@pytest.mark.parametrize(
    ("left", "clean"),
    [
        ('&lt;templatestyles src="Infobox/styles.css" /&gt;Potok', "Potok"),
        ("R &amp; B, 5 &lt; 6", "R & B, 5 < 6"),
        ("a__NOEDITSECTION__", "a__NOEDITSECTION__"),
        ("__NOEDITSECTION__\nText __BEZOBSAHU__", "Text"),
        ("vzorec\nformula_1\nformula_2, formula_3.\nkoniec", "vzorec\nkoniec"),
        ("kde formula_1 je hmotnosť", "kde formula_1 je hmotnosť"),
        ("Poprad (), rieka ( ) tu (, ) a (; ).", "Poprad, rieka tu a."),
        ("funkcia f() vracia", "funkcia f() vracia"),
        ('"Názov"(), ale', '"Názov", ale'),
        ("dĺžka je . Po mieste. . V roku .", "dĺžka je. Po mieste. V roku."),
        ("10 .5 a .NET", "10 .5 a .NET"),
        ("10\xa0km", "10 km"),
        ("a\n\n\n\n\nb  \nc", "a\n\nb\nc"),
    ],
)
def test_left_over_markup_is_taken_out(left: str, clean: str) -> None:
    assert clean_page(Page(id="1", url="", title="", text=left)).text == clean


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("Section::::Tok.", ""),
        ("Section::::3::::Black carbon.", ""),
        ("Section::::Podnebie.:Zrážky.", ""),
        ("BULLET::::- Horný tok", "- Horný tok"),
        ("BULLET::::1. prvý prítok", "1. prvý prítok"),
        ('&lt;a href="Vodn%C3%A1%20ve%C5%BEa"&gt;veža&lt;/a&gt; a <a href="b#c">most</a>', "veža a most"),
        ('<a href="https://example.org">example</a>', '<a href="https://example.org">example</a>'),
        ("<h2>Tok</h2>", ""),
        ("<ul>", ""),
        ("<li>prítok</li>", "prítok"),
        ("x<li>y</li>", "x<li>y</li>"),
        ("std::::x Section::::", "std::::x Section::::"),
    ],
)
def test_marks_of_wikiextractors_options_are_taken_out(line: str, clean: str) -> None:
    page = Page(id="1", url="", title="A", text=f"one\n{line}\ntwo")
    assert clean_page(page).text == f"A\n\none\n{clean}\ntwo".replace("\n\ntwo", "\ntwo")


def test_a_page_of_headings_is_empty() -> None:
    assert clean_page(Page(id="1", url="", title="A", text="A\n\nSection::::B.\nSection::::C.")).text == ""


def test_unknown_attributes_are_passed_over() -> None:
    heading = '<doc id="9" url="u" title="The "A" veža" language="sk" revision="77">'
    assert parse_attributes(heading) == {"id": "9", "url": "u", "title": 'The "A" veža'}
    heading = '<doc title="Veža" lang="sk" id="9" revid="2" size="3" url="u">'
    assert parse_attributes(heading) == {"title": "Veža", "id": "9", "revid": "2", "url": "u"}


def test_a_heading_of_many_attributes_takes_no_longer_for_each() -> None:
    heading = '<doc id="9"' + ' a="x"' * 20_000 + " title>"
    start = time.process_time()
    assert parse_attributes(heading)["id"].startswith('9" a="x" a=')
    assert time.process_time() - start < 1
    assert parse_attributes('<doc id="1" title="a "b" c="d"">') == {"id": "1", "title": 'a "b" c="d"'}


def test_the_title_line_is_found_though_it_is_spelled_otherwise() -> None:
    page = Page(id="1", url="", title="R&amp;B\xa0live", text="\nR&B live\n\nHudba.")
    assert clean_page(page) == Page(id="1", url="", title="R&B live", text="R&B live\n\nHudba.")


def test_long_runs_of_blanks_take_linear_time() -> None:
    text = "a" + " " * 300_000 + "(" + " " * 300_000 + "b"
    assert clean_page(Page(id="1", url="", title="", text=text)).text == text
    assert parse_attributes('<doc id="1"' + " " * 300_000 + "x>") == {"id": '1"' + " " * 300_000 + "x"}


@given(st.text())
def test_no_file_makes_it_fail(text: str) -> None:
    for name in ("wiki_00", "wiki_01"):
        for record in read(f'<doc id="1" title="t">\n{text}\n</doc>' if name == "wiki_00" else text, name):
            assert isinstance(record, Document | Rejection | Filtered)


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)))
def test_cleaning_is_stable_in_its_lines(lines: list[str]) -> None:
    text = clean_page(Page(id="1", url="", title="", text="\n".join(lines))).text
    assert "\n\n\n" not in text
    assert "\xa0" not in text
    assert text == text.strip()


def test_patterns_name_the_configurations_only() -> None:
    names = dict.fromkeys(
        [
            "AA/wiki_00",
            "wiki_01.bz2",
            "AA/wiki_tools.py",
            "20231101.sk/train-0.parquet",
            "20231101.cs/train-0.parquet",
            "skwiki-pages-articles.xml.bz2",
            "skwiki-pages-articles-multistream-index.txt.bz2",
            "skwiki-pages-meta-history.xml.bz2",
        ],
        b"",
    )
    reader = memory_reader(names)
    chosen = [file.name for file in SOURCE.select_files(reader)]
    assert chosen == [
        "20231101.cs/train-0.parquet",
        "20231101.sk/train-0.parquet",
        "AA/wiki_00",
        "skwiki-pages-articles.xml.bz2",
        "wiki_01.bz2",
    ]
    narrow = Wikipedia(group="sk", where=("wiki",), config=("20231101.sk",), split=("train",))
    assert [file.name for file in narrow.select_files(reader)] == [
        "20231101.sk/train-0.parquet",
        "AA/wiki_00",
        "skwiki-pages-articles.xml.bz2",
        "wiki_01.bz2",
    ]
    test_split = Wikipedia(group="sk", where=("wiki",), split=("test",))
    assert [file.name for file in test_split.select_files(reader)] == [
        "AA/wiki_00",
        "skwiki-pages-articles.xml.bz2",
        "wiki_01.bz2",
    ]


@pytest.mark.parametrize("line", ["a" * 999, "a" * 2**18], ids=["many lines", "one line"])
def test_a_page_that_is_too_long_is_one_rejection(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**16)
    heading = '<doc id="9" url="" title="Bomb">'
    data = f"{heading}\n" + f"{line}\n" * 100 + "</doc>\n" + PLAIN
    assert read(bz2.compress(data.encode()), "AA/wiki_00.bz2") == [
        Rejection(position="AA/wiki_00.bz2:1", reason="record too long", excerpt=heading),
        POPRAD,
        Filtered(position="AA/wiki_00.bz2#8", reason=REDIRECT),
    ]


def test_a_line_that_is_too_long_is_one_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**16)
    long = " " * 2**18
    expected = Rejection(position="AA/wiki_00:1", reason="record too long", excerpt=" " * 200)
    assert read(f"{long}\n{PLAIN}") == [expected, POPRAD, Filtered(position="AA/wiki_00#8", reason=REDIRECT)]
    page = json.dumps(
        {"id": "7", "url": POPRAD.metadata["url"], "title": "Poprad (rieka)", "text": "Poprad je rieka."}
    )
    assert read(f"{long}\n{page}\n") == [expected, POPRAD]
