"""What --data names is opened, and it is said how its texts are joined."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibset.core.errors import CalibsetError, OfflineError, OutputError, RecipeError, SourceError
from calibset.evaluation.data import join_wikitext, open_data
from tests.storage.loopback import Loopback

ROWS = [
    "",
    " = Du Fu = \n",
    "",
    " A poet . \n",
    " = = Life = = \n",
    "",
    " = Ben Amos = \n",
    " x = y = z \n",
    "",
]
TEXT = " \n = Du Fu = \n \n A poet . \n = = Life = = \n \n = Ben Amos = \n x = y = z \n "


def parquet(rows: list[str], column: str = "text") -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({column: rows}), stream)
    return stream.getvalue()


def test_wikitext_is_joined_as_the_file_of_its_archive() -> None:
    data = join_wikitext(ROWS)
    (passage,) = data.passages
    assert passage.text == TEXT
    assert data.sha256 == hashlib.sha256(TEXT.encode() + b"\n").hexdigest()
    assert passage.documents == ("Du Fu", "Ben Amos")
    assert [passage.document_at(TEXT.index(word)) for word in (" = Du", "poet", "Life", " = Ben", "y =")] == [
        "Du Fu", "Du Fu", "Du Fu", "Ben Amos", "Ben Amos",
    ]  # fmt: skip
    assert data.notes == (
        "wikitext-2: the rows are not those of wiki.test.raw, so figures can't be compared with others'",
    )
    assert data.joined == (
        "the rows as lines, not those of wiki.test.raw; without the line end at its end, control tokens "
        "read as letters"
    )


def test_articles_of_one_name_are_two_documents() -> None:
    (passage,) = join_wikitext([" = A = \n", " a \n", " = A = \n"]).passages
    assert passage.documents == ("A", "A (2)")


def test_wikitext_comes_from_the_hub_and_then_from_the_cache(hub: Loopback) -> None:
    hub.repositories["Salesforce/wikitext"] = {
        "wikitext-2-raw-v1/test-00000-of-00001.parquet": parquet(ROWS),
        "wikitext-2-raw-v1/train-00000-of-00001.parquet": parquet(["no"]),
    }
    data = open_data("wikitext-2")
    assert (data.name, data.passages[0].text) == ("wikitext-2", TEXT)
    assert open_data("wikitext-2", offline=True) == data


def test_wikitext_that_is_not_cached(hub: Loopback) -> None:
    with pytest.raises(
        OfflineError, match=r"^--data wikitext-2: hf://datasets/Salesforce/wikitext: not in the cache$"
    ):
        open_data("wikitext-2", offline=True)


def test_the_data_folder_is_looked_in_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Salesforce/wikitext/wikitext-2-raw-v1"
    folder.mkdir(parents=True)
    (folder / "test-0.parquet").write_bytes(parquet(ROWS))
    monkeypatch.setenv("CALIBSET_DATA", str(tmp_path))
    assert open_data("wikitext-2").passages[0].text == TEXT
    (folder / "test-0.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        SourceError, match=r"^--data wikitext-2: .*: can't be read as parquet with a column text: "
    ):
        open_data("wikitext-2")


def test_a_text_is_read_as_it_stands(tmp_path: Path) -> None:
    content = b"One\r\ntwo\n\nthree </s>\n \nfour\n\n"
    (tmp_path / "a.txt").write_bytes(content)
    data = open_data(str(tmp_path / "a.txt"))
    (passage,) = data.passages
    assert passage.text == "One\r\ntwo\n\nthree </s>\n \nfour\n"
    assert (data.sha256, data.parses_special, data.are_rows) == (
        hashlib.sha256(content).hexdigest(),
        False,
        False,
    )
    assert [passage.document_at(passage.text.index(word)) for word in ("One", "two", "three", "four")] == [
        "line 1", "line 1", "line 4", "line 6",
    ]  # fmt: skip


def write_rows(folder: Path, *rows: object) -> str:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "rows.jsonl")


def test_rows_of_json_are_joined_by_a_blank_line(tmp_path: Path) -> None:
    data = open_data(write_rows(tmp_path, {"text": "One"}, {"text": "two\n"}, {"text": "three"}))
    (passage,) = data.passages
    assert passage.text == "One\n\ntwo\n\n\nthree"
    assert [passage.document_at(passage.text.index(word)) for word in ("One", "two", "three")] == [
        "row 1", "row 2", "row 3",
    ]  # fmt: skip
    assert data.joined == (
        "the texts of the rows, joined by a blank line; control tokens in them are read as letters"
    )


def test_rows_that_are_measured_whole_are_not_joined(tmp_path: Path) -> None:
    data = open_data(write_rows(tmp_path, {"text": "One\n"}, {"text": "two"}), as_rows=True)
    assert [(one.text, one.documents) for one in data.passages] == [("One", ("row 1",)), ("two", ("row 2",))]
    assert (data.are_rows, data.parses_special) == (True, True)


def test_a_calibration_file_has_sources_groups_and_documents(chat_file: Path) -> None:
    data = open_data(str(chat_file))
    assert (data.recipe, data.are_rows, data.parses_special, data.tokenizer) == ("chat", True, True, "model")
    assert {(one.source, one.group) for one in data.passages} == {("talk", "talk"), ("weather", "tools")}
    first = next(one for one in data.passages if one.source == "weather")
    assert all(name.startswith("weather: weather.jsonl#") for name in first.documents)
    assert [first.text[start:].startswith("<|im_start|>") for start in first.starts] == [True] * len(
        first.starts
    )


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("none.txt", None, RecipeError, "--data {}: no such file, and not wikitext-2"),
        ("a.parquet", b"PAR1", RecipeError,
         "--data {}: a parquet file is not read; calibration files are .jsonl"),
        ("a.txt", b"caf\xe9", SourceError,
         "{}: is not UTF-8 text (byte 3); --data takes text, rows of JSON, a calibration file or wikitext-2"),
        ("a.jsonl", b'{"messages": []}\n', CalibsetError, "{}: row 1: "),
    ],
)  # fmt: skip
def test_what_is_no_data(
    tmp_path: Path, name: str, content: bytes | None, error: type[CalibsetError], message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error) as raised:
        open_data(str(path))
    assert str(raised.value).startswith(message.format(path))


def test_a_folder_is_no_data(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r": is a folder; name a file$"):
        open_data(str(tmp_path))


def test_a_manifest_of_another_file_is_refused(chat_file: Path, tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_bytes(chat_file.read_bytes() + b'{"text": "more"}\n')
    manifest = chat_file.with_name("chat.calibration.manifest.json")
    (tmp_path / "chat.manifest.json").write_bytes(manifest.read_bytes())
    with pytest.raises(OutputError, match=r": belongs to another file: it says sha256 "):
        open_data(str(tmp_path / "chat.jsonl"))
