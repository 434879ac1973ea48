from __future__ import annotations

import json
from pathlib import Path

import datasets
import pyarrow
import pyarrow.ipc
import pytest

from calibset.core.documents import Conversation, Document
from calibset.core.errors import SourceError
from calibset.sources.adapters.hub_dataset import HubDataset
from calibset.sources.adapters.parquet import Parquet
from calibset.storage.files import memory_reader
from calibset.storage.local import LocalReader

ROWS = [{"text": f"text {number}", "answer": f"answer {number}"} for number in range(20)]


@pytest.fixture
def saved(tmp_path: Path) -> LocalReader:
    """A dataset of two files, as `datasets` saves it."""
    datasets.disable_progress_bars()
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved", num_shards=2)
    return LocalReader("saved", tmp_path / "saved")


def texts(source: HubDataset | Parquet, reader: LocalReader) -> list[str]:
    return [record.text for record in source.read_in_order(reader) if isinstance(record, Document)]


def test_a_saved_dataset_is_read_in_its_order(saved: LocalReader) -> None:
    assert texts(HubDataset(group="a", where=("saved",)), saved) == [row["text"] for row in ROWS]


def test_its_arrow_files_are_rows_of_a_table_and_its_metadata_none(saved: LocalReader) -> None:
    assert texts(Parquet(group="a", where=("saved",)), saved) == [row["text"] for row in ROWS]
    dialogues = Parquet(group="a", where=("saved",), columns={"user": "text", "assistant": "answer"})
    assert all(isinstance(record, Conversation) for record in dialogues.read_shuffled(saved, seed=1))
    assert len(list(dialogues.read_shuffled(saved, seed=1))) == 20


def test_of_a_saved_dictionary_the_named_split_is_read(tmp_path: Path) -> None:
    datasets.disable_progress_bars()
    splits = {"train": datasets.Dataset.from_list(ROWS[:3]), "test": datasets.Dataset.from_list(ROWS[3:])}
    datasets.DatasetDict(splits).save_to_disk(tmp_path)
    reader = LocalReader("saved", tmp_path)
    assert texts(HubDataset(group="a", where=("saved",)), reader) == ["text 0", "text 1", "text 2"]
    assert len(texts(HubDataset(group="a", where=("saved",), split="test"), reader)) == 17
    with pytest.raises(SourceError) as caught:
        texts(HubDataset(group="a", where=("saved",), split="dev"), reader)
    assert str(caught.value) == "saved: there is no split 'dev'; there are train, test"


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("{", "saved: state.json is damaged; save the dataset again"),
        ('{"_data_files": 3}', "saved: state.json is damaged; save the dataset again"),
        (
            '{"_data_files": [{"filename": "../x.arrow"}]}',
            "saved: state.json names '../x.arrow', which is none ",
        ),
        (
            '{"_data_files": [{"filename": "*"}]}',
            "saved: state.json names '*', which is none of the location's",
        ),
    ],
)
def test_metadata_that_is_damaged_or_leads_out_is_a_clear_error(
    saved: LocalReader, state: str, message: str
) -> None:
    (saved.path.parent / "x.arrow").write_bytes(b"")
    (saved.path / "state.json").write_text(state)
    with pytest.raises(SourceError) as caught:
        texts(HubDataset(group="a", where=("saved",)), saved)
    assert str(caught.value).startswith(message)


def test_a_file_with_a_footer_is_read_too_and_a_damaged_one_named() -> None:
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.table({"text": ["one", "two"]})
    with pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue().to_pybytes()
    source = Parquet(group="a", where=("x",))
    records = list(source.read_in_order(memory_reader({"a.arrow": content})))
    assert [(record.id, record.text) for record in records if isinstance(record, Document)] == [
        ("a.arrow#0", "one"),
        ("a.arrow#1", "two"),
    ]
    with pytest.raises(SourceError, match=r"^a\.arrow: can't be read as Arrow \(.+\); fetch the file again$"):
        list(source.read_in_order(memory_reader({"a.arrow": content[:-20]})))
    with pytest.raises(SourceError, match=r"^a\.arrow: a web page \(HTML\) and not the file"):
        list(source.read_in_order(memory_reader({"a.arrow": b"<html>" + json.dumps(ROWS).encode()})))
