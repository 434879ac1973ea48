from __future__ import annotations

import io
import json
import zipfile

import openpyxl
import pytest

from calibset.document import Document, Record, Rejection
from calibset.errors import SourceError
from calibset.sources import insurance_definitions
from calibset.sources.insurance_definitions import InsuranceDefinitions
from calibset.storage.files import in_memory

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
    (file,) = in_memory({name: data}).files("*")
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
        Rejection(place="data.json: flood#1", reason="empty definition", excerpt="flood"),
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
        assert [file.name for file in SOURCE.select(in_memory(forms))] == [expected]
        del forms[expected]
    with pytest.raises(SourceError, match=r"memory: no file matches data\.json, raw\.txt, \*\.xlsx"):
        SOURCE.select(in_memory(forms))


def test_files_that_the_recipe_names_are_all_read() -> None:
    source = InsuranceDefinitions(group="insurance", where=("definitions",), files=("raw.txt", "*.xlsx"))
    chosen = source.select(in_memory({"data.json": b"", "raw.txt": b"", "list.xlsx": b""}))
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
        Rejection(place="data.json: hail#1", reason="definition is no text", excerpt="int"),
        Rejection(place="data.json: ice#0", reason="empty definition", excerpt="ice"),
        Rejection(place="data.json: #0", reason="no term", excerpt="No term."),
        Document(id="snow#0", text="snow\nIce, too."),
    ]


@pytest.mark.parametrize("data", [b'{"WORDS": {', b"[" * 100_000, b"[1]", b""])
def test_malformed_json_is_an_error(data: bytes) -> None:
    with pytest.raises(SourceError) as fault:
        read("data.json", data)
    assert str(fault.value).startswith("data.json: not valid JSON (")
    assert str(fault.value).endswith(REMEDY)


def test_json_of_another_kind_is_an_error() -> None:
    with pytest.raises(SourceError) as fault:
        read("data.json", b'{"WORDS": []}')
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


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insurance_definitions, "LARGEST_WORKBOOK", 1_000)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bomb.xml", b"0" * 2_000)
    with pytest.raises(SourceError, match=r"it unpacks to 2,000 bytes, more than 1,000"):
        read("list.xlsx", sink.getvalue())


def test_blocks_of_raw_text_without_a_definition_are_rejected() -> None:
    assert read("raw.txt", b"hail\n---\n\n---\nice\r\nFrozen.\n---\n") == [
        Rejection(place="raw.txt: hail#0", reason="empty definition", excerpt="hail"),
        Rejection(place="raw.txt: #0", reason="no term"),
        Document(id="ice#0", text="ice\nFrozen."),
    ]
