"""llm-compressor's own loader reads exactly the rows that the simulation predicts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from calibset.quantizers.llm_compressor import LlmCompressor
from calibset.quantizers.row_writer import ExportRow
from calibset.tokenizers import Tokenizer
from tests.heavy.quantizers.material import SEQLEN, Rows, read_by, whole

pytest.importorskip("llmcompressor")

LLMCOMPRESSOR = LlmCompressor()


def batches(dataset: Any, tokenizer: Any, **options: Any) -> list[tuple[int, ...]]:
    from llmcompressor.args import DatasetArguments
    from llmcompressor.datasets.utils import get_calibration_dataloader

    arguments = DatasetArguments(dataset=dataset, max_seq_length=SEQLEN, **options)
    return [
        tuple(row)
        for batch in get_calibration_dataloader(arguments, tokenizer)
        for row in batch["input_ids"].tolist()
    ]


def dataset_of(kind: str, path: Path, cache: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(kind, data_files=str(path), split="train", cache_dir=str(cache))


def test_texts_are_read_as_predicted(theirs: Any, letters: Tokenizer, rows: Rows, tmp_path: Path) -> None:
    report = LLMCOMPRESSOR.simulate_file(rows.file, letters, nsamples=len(rows.texts), seqlen=SEQLEN)
    read = batches(dataset_of("json", rows.file, tmp_path), theirs)
    assert Counter(read) == Counter(read_by(report, [whole(text, letters) for text in rows.texts]))
    assert sum(row.cut > 0 for row in report.rows) > 30


def exported(rows: Rows, letters: Tokenizer, out: Path) -> list[tuple[int, ...]]:
    ids = [tuple(whole(text, letters)[:SEQLEN]) for text in rows.texts]
    pairs = zip(rows.texts, ids, strict=True)
    LLMCOMPRESSOR.export([ExportRow(text=text, ids=row_ids) for text, row_ids in pairs], out)
    return ids


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl"])
def test_exported_ids_are_read_as_they_are(
    theirs: Any, letters: Tokenizer, rows: Rows, tmp_path: Path, name: str
) -> None:
    ids = exported(rows, letters, tmp_path / name)
    report = LLMCOMPRESSOR.simulate_file(tmp_path / name, letters, nsamples=len(ids), seqlen=SEQLEN)
    assert read_by(report, [list(row) for row in ids]) == ids
    kind = "parquet" if name.endswith("parquet") else "json"
    assert Counter(batches(dataset_of(kind, tmp_path / name, tmp_path / "cache"), theirs)) == Counter(ids)


def test_a_column_of_ids_that_are_null_is_read(theirs: Any, letters: Tokenizer, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"text": "a row of some length", "input_ids": null}\n')
    assert LLMCOMPRESSOR.simulate_file(file, letters, nsamples=1, seqlen=SEQLEN).fatal
    with pytest.raises((TypeError, ValueError)):
        batches(dataset_of("json", file, tmp_path / "cache"), theirs)


def test_an_exported_folder_is_found(
    theirs: Any, letters: Tokenizer, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    ids = exported(rows, letters, tmp_path / "folder")
    assert Counter(batches("json", theirs, dataset_path=str(tmp_path / "folder"))) == Counter(ids)


@pytest.mark.parametrize("limit", [200, None])
def test_without_max_seq_length_texts_are_cut_where_the_tokenizer_says(
    theirs: Any, rows: Rows, tmp_path: Path, letters: Tokenizer, limit: int | None, monkeypatch: Any
) -> None:
    from llmcompressor.args import DatasetArguments
    from llmcompressor.datasets.utils import get_calibration_dataloader

    if limit:
        monkeypatch.setattr(theirs, "model_max_length", limit)
    arguments = DatasetArguments(dataset=dataset_of("json", rows.file, tmp_path))
    if not limit:
        with pytest.raises(OverflowError):
            get_calibration_dataloader(arguments, theirs)
        return
    read = [batch["input_ids"].shape[-1] for batch in get_calibration_dataloader(arguments, theirs)]
    assert max(read) == max(len(whole(text, letters)) for text in rows.texts) > SEQLEN


def test_rows_are_shuffled_with_no_seed(theirs: Any, letters: Tokenizer, tmp_path: Path) -> None:
    import torch

    out = tmp_path / "x.parquet"
    LLMCOMPRESSOR.export([ExportRow(text="", ids=(256, *range(n, n + 20))) for n in range(60)], out)
    dataset = dataset_of("parquet", out, tmp_path / "cache")
    torch.manual_seed(1)
    first = batches(dataset, theirs, num_calibration_samples=20)
    torch.manual_seed(2)
    assert set(first) != set(batches(dataset, theirs, num_calibration_samples=20))
