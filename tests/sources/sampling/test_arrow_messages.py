"""Arrow's batches are looked at before they are unpacked, in files and in streams."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import polars
import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import SourceError
from calibset.sources.sampling.arrow_rows import read_arrow_rows
from calibset.storage import reading_budget
from calibset.storage.files import memory_reader

KINDS = ("file", "stream", "polars file", "polars stream")
TABLES = {
    "texts": pa.table({"text": [f"Row {number}." for number in range(90)], "n": list(range(90))}),
    "dictionary": pa.table({"text": pa.array(["hail", "ice"] * 45).dictionary_encode()}),
}


def write(table: pa.Table, kind: str, compression: str | None) -> bytes:
    stream = io.BytesIO()
    if kind.startswith("polars"):
        frame: Any = polars.from_arrow(table)
        write_frame = frame.write_ipc if kind.endswith("file") else frame.write_ipc_stream
        write_frame(stream, compression=compression or "uncompressed")
        return stream.getvalue()
    options = pyarrow.ipc.IpcWriteOptions(compression=compression)
    open_writer = pyarrow.ipc.new_file if kind == "file" else pyarrow.ipc.new_stream
    with open_writer(stream, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=40)
    return stream.getvalue()


def read(content: bytes) -> list[Any]:
    (file,) = memory_reader({"a.arrow": content}).files("*")
    return [row for _, row in read_arrow_rows(file, ("text", "n"))]


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_rows_are_read_however_they_are_packed(table: pa.Table, kind: str, compression: str | None) -> None:
    assert read(write(table, kind, compression)) == table.to_pylist()


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_unpacks_to_very_much_is_not_unpacked(
    kind: str, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_budget, "MOST_FREE_BYTES", 2**16)
    monkeypatch.setattr(reading_budget, "MOST_BYTES_PER_BYTE", 20)
    for column in (pa.array(["x" * 2**20]), pa.array(["x" * 2**20]).dictionary_encode()):
        with pytest.raises(
            SourceError, match=r"^a\.arrow: [\d,]+ bytes of it unpack to 1,\d+,\d+ bytes, more"
        ):
            read(write(pa.table({"text": column}), kind, compression))


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_column_of_a_batch_is_not_unpacked(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibset.sources.sampling.arrow_messages._LARGEST_BUFFER", 2**20)
    content = write(pa.table({"text": ["x" * 2**20]}), kind, "zstd")
    assert len(read(content)) == 1
    with pytest.raises(SourceError) as caught:
        read(write(pa.table({"text": ["x" * (2**20 + 1)]}), kind, "zstd"))
    assert str(caught.value) == (
        "a.arrow: a column of a batch unpacks to 1,048,577 bytes, more than 1,048,576; write it anew with "
        "fewer rows in a batch, or leave it out with files = [...]"
    )


def test_a_batch_that_a_footer_lists_again_and_again_counts_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = write(pa.table({"text": ["x" * 2**12] * 400}), "file", "zstd")
    assert len(read(content)) == 400
    monkeypatch.setattr(reading_budget, "MOST_FREE_BYTES", 2**19)
    monkeypatch.setattr(reading_budget, "MOST_BYTES_PER_BYTE", 2)
    with pytest.raises(SourceError, match="unpack to"):
        read(content)


@given(st.data(), st.sampled_from(("file", "stream")))
def test_damage_is_a_source_error(data: st.DataObject, kind: str) -> None:
    content = bytearray(write(TABLES["texts"], kind, "zstd"))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(SourceError):
        read(bytes(content[: data.draw(st.integers(8, len(content)))]))
