from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import from_ISO8601

from calibset.sources.formats import sheet_xml
from calibset.sources.formats.sheet_xml import UnreadableRow, read_cells, read_strings

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_BOOK = SimpleNamespace(_date_formats=set(), _timedelta_formats=set())
_TOO_MUCH = "^it has tags of more bytes or names than a workbook's; save it as CSV$"
_ROW = "<row><c><v>1</v></c></row>"


def pieces(rows: str) -> Iterator[bytes]:
    text = f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'.encode()
    return (text[start : start + 2**10] for start in range(0, len(text), 2**10))


def cells(rows: str) -> list[object]:
    return [cell for row in read_cells(pieces(rows), _BOOK, [], (100_000, 16)) for cell in row]


@pytest.mark.parametrize(
    "silent", ["<!--{}-->", "<?a {}?>", '<row spans="{}"/>', "<row {}/>", "<{}/>"],
    ids=["comment", "instruction", "value", "blanks", "name"],
)  # fmt: skip
def test_a_tag_or_comment_has_a_mebibyte(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xml, "_LONGEST_TAG", 2**15)
    letter = " " if silent.startswith("<row {") else "x"
    assert cells(_ROW + silent.format(letter * (2**15 - 2**12)) + _ROW) == ["1", "1"]
    with pytest.raises(ValueError, match=_TOO_MUCH):
        cells(_ROW + silent.format(letter * (2**15 + 2**12)) + _ROW)


def test_comments_one_after_the_other_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xml, "_LONGEST_TAG", 2**15)
    assert cells(f"<!--x-->{_ROW}" * 10_000) == ["1"] * 10_000
    with pytest.raises(ValueError, match=_TOO_MUCH):
        cells("<!--x-->" * 10_000)


@pytest.mark.parametrize("tag", ["<row a{}='1'/>", "<a{}/>"])
def test_tags_and_attributes_have_ten_thousand_names(tag: str) -> None:
    assert cells("".join(tag.format(number) for number in range(9_900)) + _ROW) == ["1"]
    with pytest.raises(ValueError, match=_TOO_MUCH):
        cells("".join(tag.format(number) for number in range(10_200)) + _ROW)


def test_the_texts_that_cells_share_have_the_same_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xml, "_LONGEST_TAG", 2**15)
    text = f'<sst xmlns="{_MAIN}"><si><t>a</t></si><!--{{}}--></sst>'
    assert list(read_strings([text.format("x").encode()])) == ["a"]
    with pytest.raises(ValueError, match=_TOO_MUCH):
        list(read_strings([text.format("").encode()[:-9], *[b"x" * 2**10] * 40]))


@pytest.mark.parametrize(
    ("cell", "reason", "excerpt"),
    [
        ('<c><v>eins</v></c>', "cell that is no readable number", "eins"),
        (f'<c><v>{"1" * 5_000}</v></c>', "cell that is no readable number", "1" * 200),
        ('<c s="x"><v>1</v></c>', "cell that is no readable number", "1"),
        ('<c t="d"><v>2024-13-01</v></c>', "cell that is no readable date", "2024-13-01"),
        ('<c t="d"><v>2024-01-01T24:00:00</v></c>', "cell that is no readable date", "2024-01-01T24:00:00"),
        ('<c t="s"><v>7</v></c>', "cell that is no readable shared text", "7"),
        ('<c t="s"><v>-1</v></c>', "cell that is no readable shared text", "-1"),
        ('<c t="b"><v>ja</v></c>', "cell that is no readable truth value", "ja"),
        ('<c r="1A1"><v>1</v></c>', "cell without a readable place", "1A1"),
    ],
)  # fmt: skip
def test_a_row_with_a_cell_that_is_not_readable_is_told(cell: str, reason: str, excerpt: str) -> None:
    found = list(read_cells(pieces(f"{_ROW}<row>{cell}</row>{_ROW}"), _BOOK, ["a"], (100_000, 16)))
    assert found == [("1",), UnreadableRow(reason, excerpt), ("1",)]


def test_a_row_without_a_readable_number_is_told() -> None:
    found = list(
        read_cells(pieces(f"{_ROW}<row r='x'><c><v>1</v></c></row>{_ROW}"), _BOOK, [], (100_000, 16))
    )
    assert found == [("1",), UnreadableRow("row without a readable number", "x"), ("1",)]


@given(st.datetimes().map(lambda time: time.replace(microsecond=0)))
def test_dates_are_read_as_openpyxl_reads_them(time: datetime) -> None:
    text = time.isoformat()
    assert cells(f'<row><c t="d"><v>{text}</v></c></row>') == [str(from_ISO8601(text))]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "text", ["2024-01-31", "12:30", "2024-01-31T12:30:00.5Z", "PT2H", "2024-01-31T12:30:00Z"]
)
def test_other_forms_of_dates_are_read_as_well(text: str) -> None:
    assert cells(f'<row><c t="d"><v>{text}</v></c></row>') == [str(from_ISO8601(text))]  # type: ignore[no-untyped-call]
