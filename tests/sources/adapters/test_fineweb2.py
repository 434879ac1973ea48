from __future__ import annotations

import io
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from calibset.core.documents import Document, Filtered
from calibset.sources.adapters.fineweb2 import FineWeb2
from calibset.storage.files import memory_reader


def packed(*rows: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), sink)
    return sink.getvalue()


def source(**options: Any) -> FineWeb2:
    return FineWeb2.model_validate({"type": "fineweb2", "group": "sk", "where": "here", **options})


PAGE = {
    "text": "Škoda na vozidle.",
    "id": "<urn:uuid:1>",
    "dump": "CC-MAIN-2024-10",
    "url": "https://example.sk/a",
    "language_score": 0.9996,
    "minhash_cluster_size": 3,
    "top_langs": '{"slk": 1}',
}


def test_a_page_has_its_own_id_and_says_where_it_stood() -> None:
    (record,) = source().read_shuffled(memory_reader({"data/train-0.parquet": packed(PAGE)}), seed=1)
    assert record == Document(
        id="<urn:uuid:1>",
        text="Škoda na vozidle.",
        metadata={"id": "<urn:uuid:1>", "url": "https://example.sk/a", "language_score": "0.9996"},
    )


def test_only_the_text_is_required() -> None:
    contents = {"data/train-0.parquet": packed({"text": "a"}, {"text": "b"})}
    records = list(source().read_shuffled(memory_reader(contents), seed=1))
    assert {record.id for record in records if isinstance(record, Document)} == {
        "data/train-0.parquet#0",
        "data/train-0.parquet#1",
    }


def test_a_page_without_text_is_filtered() -> None:
    contents = {"data/train-0.parquet": packed({**PAGE, "text": " "})}
    assert list(source().read_shuffled(memory_reader(contents), seed=1)) == [
        Filtered(position="data/train-0.parquet#0", reason="empty text")
    ]


EXCERPT_LENGTH = (
    "data/train-00000-of-00002.parquet",
    "data/train-00001-of-00002.parquet",
    "data/test-0.parquet",
)
WHOLE = tuple(f"data/{name}/0.parquet" for name in ("slk_Latn/train", "slk_Latn/test", "ces_Latn/train"))


@pytest.mark.parametrize(
    ("names", "options", "found"),
    [
        (EXCERPT_LENGTH, {}, EXCERPT_LENGTH[:2]),
        (EXCERPT_LENGTH, {"split": ["train", "test"]}, EXCERPT_LENGTH),
        (WHOLE, {"config": "slk_Latn"}, WHOLE[:1]),
        (WHOLE, {"config": ["slk_Latn", "ces_Latn"]}, (WHOLE[0], WHOLE[2])),
        (WHOLE, {"config": "slk_Latn", "split": "test"}, (WHOLE[1],)),
    ],
)
def test_configuration_and_split_choose_files(
    names: tuple[str, ...], options: dict[str, Any], found: tuple[str, ...]
) -> None:
    reader = memory_reader(dict.fromkeys((*names, "README.md"), b""))
    assert sorted(file.name for file in source(**options).select_files(reader)) == sorted(found)
