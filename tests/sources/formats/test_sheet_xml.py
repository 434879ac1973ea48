from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from calibset.sources.formats import sheet_xml
from calibset.sources.formats.sheet_xml import read_cells, read_strings

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
    assert cells(_ROW + silent.format(letter * (2**15 - 2**12)) + _ROW) == [1, 1]
    with pytest.raises(ValueError, match=_TOO_MUCH):
        cells(_ROW + silent.format(letter * (2**15 + 2**12)) + _ROW)


def test_comments_one_after_the_other_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xml, "_LONGEST_TAG", 2**15)
    assert cells(f"<!--x-->{_ROW}" * 10_000) == [1] * 10_000
    with pytest.raises(ValueError, match=_TOO_MUCH):
        cells("<!--x-->" * 10_000)


@pytest.mark.parametrize("tag", ["<row a{}='1'/>", "<a{}/>"])
def test_tags_and_attributes_have_ten_thousand_names(tag: str) -> None:
    assert cells("".join(tag.format(number) for number in range(9_900)) + _ROW) == [1]
    with pytest.raises(ValueError, match=_TOO_MUCH):
        cells("".join(tag.format(number) for number in range(10_200)) + _ROW)


def test_the_texts_that_cells_share_have_the_same_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xml, "_LONGEST_TAG", 2**15)
    text = f'<sst xmlns="{_MAIN}"><si><t>a</t></si><!--{{}}--></sst>'
    assert list(read_strings([text.format("x").encode()])) == ["a"]
    with pytest.raises(ValueError, match=_TOO_MUCH):
        list(read_strings([text.format("").encode()[:-9], *[b"x" * 2**10] * 40]))
