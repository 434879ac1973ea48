from __future__ import annotations

import io
import json
import re
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace

import openpyxl
import pytest

from calibset.core.documents import Document, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters.insurance_definitions import InsuranceDefinitions
from calibset.sources.formats import workbook as spreadsheets
from calibset.storage import compression, text_lines
from calibset.storage.files import memory_reader

SOURCE = InsuranceDefinitions(group="insurance", where=("definitions",))

ROWS = [
    ("theft", "motor", "UK", 4, "means taking\nwithout leave."),
    ("theft", None, "USA", 9, "The taking of property."),
    ("flood", "home", "UK", 4, "Water that rises; certi\x1fcates."),
    ("flood", "home", "UK", 5, " "),
]
REMEDY = "fetch it again, or name another form with files = [...]"


def data_json() -> bytes:
    terms: dict[str, dict[str, list[dict[str, object]]]] = {}
    for term, lob, country, policy, definition in ROWS:
        full = terms.setdefault(term, {"fullDefs": []})["fullDefs"]
        full.append({"def": definition, "lob": lob, "country": country, "policy": policy})
    return json.dumps({"PRODUCTS_DATA": [], "WORDS": terms}).encode()


def raw_txt() -> bytes:
    return "\n---\n".join(f"{term}\n{definition}" for term, _, _, _, definition in ROWS).encode()


def workbook(*header: str, sheet: str = "data") -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    page.append(header or ("term", "lob", "country", "policyID", "definition"))
    for row in ROWS:
        page.append([cell.replace("\x1f", "_x001f_") if isinstance(cell, str) else cell for cell in row])
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def read(name: str, data: bytes) -> list[Record]:
    (file,) = memory_reader({name: data}).files("*")
    return list(SOURCE.read(file))


def test_a_definition_is_its_term_and_what_a_contract_says() -> None:
    assert read("data.json", data_json()) == [
        Document(
            id="theft#0",
            text="theft\nmeans taking\nwithout leave.",
            metadata={"lob": "motor", "country": "UK"},
        ),
        Document(id="theft#1", text="theft\nThe taking of property.", metadata={"country": "USA"}),
        Document(
            id="flood#0",
            text="flood\nWater that rises; certi\x1fcates.",
            metadata={"lob": "home", "country": "UK"},
        ),
        Rejection(position="data.json: flood#1", reason="empty definition", excerpt="flood"),
    ]


def test_all_three_forms_give_the_same_documents() -> None:
    forms = {"data.json": data_json(), "raw.txt": raw_txt(), "list.xlsx": workbook()}
    texts = {
        name: [(record.id, record.text) for record in read(name, data) if isinstance(record, Document)]
        for name, data in forms.items()
    }
    assert texts["data.json"] == texts["raw.txt"] == texts["list.xlsx"]
    assert len(texts["data.json"]) == 3


def test_the_workbook_has_the_metadata_too() -> None:
    first, second, *_ = read("list.xlsx", workbook())
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert first.metadata == {"lob": "motor", "country": "UK"}
    assert second.metadata == {"country": "USA"}


def test_only_the_first_form_that_is_there_is_read() -> None:
    forms = {"data.json": b"", "raw.txt": b"", "list.xlsx": b"", "README.md": b""}
    for expected in ("data.json", "raw.txt", "list.xlsx"):
        assert [file.name for file in SOURCE.select_files(memory_reader(forms))] == [expected]
        del forms[expected]
    with pytest.raises(SourceError, match=r"memory: no file matches data\.json, raw\.txt, \*\.xlsx"):
        SOURCE.select_files(memory_reader(forms))


def test_files_that_the_recipe_names_are_all_read() -> None:
    source = InsuranceDefinitions(group="insurance", where=("definitions",), files=("raw.txt", "*.xlsx"))
    chosen = source.select_files(memory_reader({"data.json": b"", "raw.txt": b"", "list.xlsx": b""}))
    assert [file.name for file in chosen] == ["list.xlsx", "raw.txt"]


def test_terms_without_full_definitions_fall_back_to_the_short_ones() -> None:
    words = {
        "hail": {"defs": ["Ice.", 5]},
        "ice": {"fullDefs": None},
        "": {"defs": ["No term."]},
        "snow": "Ice, too.",
    }
    assert read("data.json", json.dumps({"WORDS": words}).encode()) == [
        Document(id="hail#0", text="hail\nIce."),
        Rejection(position="data.json: hail#1", reason="definition is no text", excerpt="int"),
        Rejection(position="data.json: ice#0", reason="empty definition", excerpt="ice"),
        Rejection(position="data.json: #0", reason="no term", excerpt="No term."),
        Document(id="snow#0", text="snow\nIce, too."),
    ]


@pytest.mark.parametrize("data", [b'{"WORDS": {', b"[" * 100_000, b""])
def test_malformed_json_is_an_error(data: bytes) -> None:
    with pytest.raises(SourceError) as fault:
        read("data.json", data)
    assert str(fault.value).startswith("data.json: not valid JSON (")
    assert str(fault.value).endswith(REMEDY)


@pytest.mark.parametrize("data", [b'{"WORDS": []}', b"{}", b"[1]", b"null"])
def test_json_of_another_kind_is_an_error(data: bytes) -> None:
    with pytest.raises(SourceError) as fault:
        read("data.json", data)
    assert str(fault.value) == f"data.json: no object under the key 'WORDS'; {REMEDY}"


@pytest.mark.parametrize(
    "data", [b"", b"no workbook", workbook()[:-40], workbook()[:200], workbook(sheet="other")]
)
def test_a_corrupt_workbook_is_an_error(data: bytes) -> None:
    with pytest.raises(SourceError) as fault:
        read("list.xlsx", data)
    assert str(fault.value).startswith("list.xlsx: no readable workbook (")
    assert str(fault.value).endswith(REMEDY)


def test_a_workbook_without_the_columns_is_an_error() -> None:
    with pytest.raises(SourceError) as fault:
        read("list.xlsx", workbook("term", "lob", "country", "policyID", "text"))
    assert str(fault.value) == f"list.xlsx: sheet 'data' has no column 'definition'; {REMEDY}"


def test_blocks_of_raw_text_without_a_definition_are_rejected() -> None:
    assert read("raw.txt", b"hail\n---\n\n---\nice\r\nFrozen.\n---\n") == [
        Rejection(position="raw.txt: hail#0", reason="empty definition", excerpt="hail"),
        Rejection(position="raw.txt: #0", reason="no term"),
        Document(id="ice#0", text="ice\nFrozen."),
    ]


def rebuilt(book: bytes, changed: Mapping[str, Callable[[str], str]]) -> bytes:
    """Return a workbook with some of its members changed, or others added."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(sink, "w") as new:
        for name in sorted({*old.namelist(), *changed}):
            content = old.read(name).decode() if name in old.namelist() else ""
            new.writestr(name, changed[name](content) if name in changed else content)
    return sink.getvalue()


def workbook_of(*rows: str) -> bytes:
    """Return a workbook whose rows are given as XML, below the columns' names."""
    header = row(1, inline("term"), inline("definition"))

    def changed(content: str) -> str:
        plain = re.sub("<dimension[^>]*>", "", content)
        return re.sub(
            "(?s)<sheetData>.*</sheetData>", f"<sheetData>{header}{''.join(rows)}</sheetData>", plain
        )

    return rebuilt(workbook(), {SHEET: changed})


def row(number: int, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def inline(text: str, more: str = "") -> str:
    return f'<c {more} t="inlineStr"><is><t>{text}</t></is></c>'


SHEET = "xl/worksheets/sheet1.xml"
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHARED_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


@pytest.mark.parametrize(
    ("limit", "said"),
    [("LARGEST_WORKBOOK", "it unpacks to more than 100 bytes"), ("MOST_TAGS", "it has more than 100 tags")],
)
def test_a_sheet_of_too_much_is_read_no_further(
    monkeypatch: pytest.MonkeyPatch, limit: str, said: str
) -> None:
    monkeypatch.setattr(spreadsheets, limit, 100)
    with pytest.raises(SourceError) as fault:
        read("list.xlsx", workbook_of(*(row(n, inline("hail"), inline("Ice.")) for n in range(2, 30))))
    assert str(fault.value) == (
        f"list.xlsx: no readable workbook ({said}; save it as CSV); "
        "fetch it again, or name another form with files = [...]"
    )


def test_parts_that_are_not_read_have_no_bound() -> None:
    book = rebuilt(workbook(), {"xl/media/film.bin": lambda _: "0" * 2**25})
    assert read("list.xlsx", book) == read("list.xlsx", workbook())


@pytest.mark.parametrize("dimension", ["A1", "A1:XFD1048576"])
def test_what_a_sheet_says_of_its_size_changes_nothing(dimension: str) -> None:
    rows = [row(n, inline(f"hail {n}"), inline("Ice.")) for n in range(2, 5)]

    def changed(content: str) -> str:
        return content.replace("<sheetData>", f'<dimension ref="{dimension}"/><sheetData>')

    assert len(read("list.xlsx", rebuilt(workbook_of(*rows), {SHEET: changed}))) == 3


@pytest.mark.slow
def test_rows_and_columns_far_off_are_not_filled_up_to() -> None:
    near = [row(2, inline("hail"), inline("Ice.")), row(5, inline("ice"), inline("Frozen."))]
    expected = [Document(id="hail#0", text="hail\nIce."), Document(id="ice#0", text="ice\nFrozen.")]
    assert read("list.xlsx", workbook_of(*near)) == expected
    far = [row(6, inline("far", 'r="ZZZ6"')), row(99_999_999_999, inline("lost"), inline("Far."))]
    assert read("list.xlsx", workbook_of(*near, *far)) == expected


def test_cells_that_share_a_text_have_a_bound_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "LARGEST_WORKBOOK", 50_000)
    shared = f'<sst xmlns="{NAMESPACE}"><si><t>{"a" * 10_000}</t></si></sst>'
    type_ = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SHARED_TYPE}"/></Types>'

    def book(rows: int) -> bytes:
        cells = [row(number, inline("hail"), '<c t="s"><v>0</v></c>') for number in range(2, 2 + rows)]
        return rebuilt(
            workbook_of(*cells),
            {
                "xl/sharedStrings.xml": lambda _: shared,
                "[Content_Types].xml": lambda content: content.replace("</Types>", type_),
            },
        )

    assert len(read("list.xlsx", book(4))) == 4
    with pytest.raises(SourceError, match=r"\(its cells have more than 50,000 characters\)"):
        read("list.xlsx", book(5))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_are_packed_otherwise_are_not_unpacked(method: int) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as packed:
        packed.writestr("bomb.xml", b"0" * 2_000)
    with pytest.raises(SourceError, match=r"\(a member is packed in another way than a workbook's\)"):
        read("list.xlsx", sink.getvalue())


def test_a_member_that_lies_about_its_size_is_not_unpacked_further() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", b"0" * 2**26)
    data = sink.getvalue()
    for size in (data[22:26], data[data.index(b"PK\1\2") + 24 :][:4]):
        assert int.from_bytes(size, "little") == 2**26
    data = data.replace((2**26).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=r"\(Bad CRC-32 for file '\[Content_Types\]\.xml'\)"):
            read("list.xlsx", data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**24


def test_entities_of_a_workbook_are_refused() -> None:
    def changed(content: str) -> str:
        return '<!DOCTYPE x [<!ENTITY a "lol">]>' + content.replace("theft", "&a;")

    with pytest.raises(
        SourceError, match=r"^list\.xlsx: no readable workbook \(.+\); fetch it again"
    ) as caught:
        read("list.xlsx", rebuilt(workbook(), {SHEET: changed}))
    assert "it declares a document type" in str(caught.value)


def test_a_definition_that_is_too_long_is_one_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**16)
    expected = Rejection(position="raw.txt:4", reason="record too long", excerpt="bomb\n" + "a" * 195)
    for bomb in (b"a" * 2**18, (b"a" * 199 + b"\n") * 1_000):
        last = bomb.startswith(b"a" * 200)
        data = b"hail\nIce.\n---\nbomb\n" + bomb + b"\n---\nice\nFrozen."
        found = read("raw.txt", data)
        assert found[0] == Document(id="hail#0", text="hail\nIce.")
        assert found[1] == expected or not last
        assert isinstance(found[1], Rejection)
        assert (found[1].position, found[1].reason) == ("raw.txt:4", "record too long")
        assert found[2:] == [Document(id="ice#0", text="ice\nFrozen.")]
        assert read("raw.txt", b"bomb\n" + bomb)[0] == replace(found[1], position="raw.txt:1")


def test_json_that_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MAX_WHOLE_FILE_BYTES", 1_000)
    with pytest.raises(
        SourceError, match=r"^data\.json: holds more than 1,000 bytes, too many for a file that is read"
    ):
        read("data.json", b" " * 1_001)
