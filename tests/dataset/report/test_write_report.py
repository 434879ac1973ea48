from __future__ import annotations

import json
import sys
from pathlib import Path
from shutil import copy

import pytest

from calibset.core.errors import OutputError, TokenizerError
from calibset.core.installation import install_command
from calibset.dataset.manifest import Manifest
from calibset.dataset.report import report_html, report_path, write_report
from tests.letters import write_letters


@pytest.fixture
def alone(file: Path, tmp_path: Path) -> Path:
    """The file, its manifest and its tokenizer in a folder of their own."""
    for name in ("material.jsonl", "material.manifest.json", "tokenizer.json"):
        copy(file.parent / name, tmp_path / name)
    return tmp_path / "material.jsonl"


def test_a_report_stands_beside_its_file(alone: Path, html: str) -> None:
    assert report_path(alone) == alone.parent / "material.report.html"
    assert write_report(str(alone)) == report_path(alone)
    assert report_path(alone).read_bytes().decode("utf-8") == html


def test_a_report_is_written_where_it_is_wanted(alone: Path, tmp_path: Path, html: str) -> None:
    assert write_report(alone, tmp_path / "x.htm") == tmp_path / "x.htm"
    assert (tmp_path / "x.htm").read_text("utf-8") == html


def test_a_report_is_no_file_of_another_kind(alone: Path) -> None:
    before = alone.read_bytes()
    with pytest.raises(OutputError) as caught:
        write_report(alone, alone)
    assert str(caught.value) == f"{alone}: a report must end in .html"
    assert alone.read_bytes() == before


def test_without_a_manifest_the_page_has_what_the_rows_tell(alone: Path) -> None:
    name = str(Manifest.read(alone).tokenizer.name)  # type: ignore[union-attr]
    rows = len(alone.read_text("utf-8").splitlines())
    alone.with_name("material.manifest.json").unlink()
    page = report_html(alone, tokenizer=name)
    assert "Rows without a manifest" in page
    assert f'<data value="{rows}" data-figure="computed.rows">' in page
    assert '<data value="0" data-figure="computed.repeats">0</data>' in page
    assert page == report_html(alone, tokenizer=name)


def test_a_manifest_of_another_file_is_an_error(alone: Path) -> None:
    alone.write_bytes(alone.read_bytes() + b'{"text": "one more"}\n')
    with pytest.raises(OutputError) as caught:
        report_html(alone)
    record = alone.with_name("material.manifest.json")
    assert str(caught.value).startswith(f"{record}: belongs to another file: it says sha256 ")


def test_a_manifest_that_tells_of_fewer_rows_is_an_error(alone: Path) -> None:
    record = alone.with_name("material.manifest.json")
    manifest = json.loads(record.read_text("utf-8"))
    gone = manifest["samples"].pop()
    manifest["nsamples"] = manifest["kept"] = 23
    source = next(source for source in manifest["sources"] if source["name"] == gone["source"])
    source["achieved"] -= 1
    record.write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(OutputError) as caught:
        report_html(alone)
    assert str(caught.value).startswith(
        f"{record}: belongs to another file: it has 23 samples, and {alone} has 24 rows"
    )


def test_another_tokenizer_is_an_error(alone: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write_letters(tmp_path / "other", bos=False)
    copy(other, alone.with_name("tokenizer.json"))
    with pytest.raises(TokenizerError, match=r"is not what it was when the file was built"):
        report_html(alone)


def test_a_tokenizer_that_counts_otherwise_is_an_error(alone: Path, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    # Without this control token its letters are four tokens.
    text = path.read_text("utf-8").replace('"</s>"', '"</t>"')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "tokenizer.json").write_text(text, "utf-8")
    with pytest.raises(
        TokenizerError, match=r"row \d+ has \d+ tokens of .*other, and its manifest says \d+ of tok"
    ):
        report_html(alone, tokenizer=str(tmp_path / "other"))


def test_what_is_missing_is_named(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(OutputError) as caught:
        report_html(alone)
    assert str(caught.value) == (
        f"a report needs matplotlib, which is not installed; {install_command('report')}"
    )
