"""ExLlamaV2's own function reads exactly what the simulation predicts; its tokenizer is stood in for."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from calibset.quantizers.exllamav2 import ExLlamaV2
from calibset.quantizers.row_writer import ExportRow
from calibset.tokenizers import Tokenizer
from tests.heavy.quantizers.loaded import alone
from tests.heavy.quantizers.material import SEQLEN, Rows, read_by

pytest.importorskip("fastparquet")
pytest.importorskip("torch")

EXLLAMAV2 = ExLlamaV2()


class Standing:
    """What ``ExLlamaV2Tokenizer.encode`` does by default: no BOS, control tokens as letters."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def encode(self, text: str) -> Any:
        import torch

        return torch.tensor([self.tokenizer.encode(text, parse_special=False)])

    def decode(self, ids: Any) -> str:
        return self.tokenizer.decode(ids.tolist())


def tokens(path: Path, tokenizer: Tokenizer, rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    status = ModuleType("exllamav2.conversion.bot_status")
    status.print_stage = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, status.__name__, status)
    module = alone("exllamav2", "exllamav2/conversion/tokenize.py")
    ids: list[int] = module.get_tokens(rows, SEQLEN, str(path), Standing(tokenizer)).flatten().tolist()
    return ids


@pytest.mark.parametrize("nsamples", [3, 200])
def test_exported_texts_are_read_as_predicted(
    letters: Tokenizer, rows: Rows, tmp_path: Path, nsamples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [text.rstrip() for text in rows.texts]
    EXLLAMAV2.export([ExportRow(text=text, ids=()) for text in texts], tmp_path / "x.parquet")
    report = EXLLAMAV2.simulate_file(tmp_path / "x.parquet", letters, nsamples=nsamples, seqlen=SEQLEN)
    expected = read_by(report, [letters.encode(text, parse_special=False) for text in texts])
    read = tokens(tmp_path / "x.parquet", letters, nsamples, monkeypatch)
    assert read == [token for row in expected for token in row]
    assert len(read) == nsamples * SEQLEN


def test_what_is_printed_measures_as_many_rows_as_there_are(
    letters: Tokenizer, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [text for text in rows.texts if len(text) > SEQLEN][:4]
    EXLLAMAV2.export([ExportRow(text=text, ids=()) for text in texts], tmp_path / "x.parquet")
    report = EXLLAMAV2.simulate_file(tmp_path / "x.parquet", letters, nsamples=4, seqlen=SEQLEN)
    assert any(warning.startswith("give --measurement_rows ") for warning in report.warnings)
    words = EXLLAMAV2.usage(tmp_path / "x.parquet", report).split()
    measured = int(words[words.index("--measurement_rows") + 1])
    assert len(tokens(tmp_path / "x.parquet", letters, measured, monkeypatch)) == 4 * SEQLEN
    with pytest.raises(RuntimeError, match="shape"):
        tokens(tmp_path / "x.parquet", letters, 16, monkeypatch)


def test_too_little_text_stops_it(
    letters: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    EXLLAMAV2.export([ExportRow(text="short", ids=())], tmp_path / "x.parquet")
    assert EXLLAMAV2.simulate_file(tmp_path / "x.parquet", letters, nsamples=1, seqlen=SEQLEN).fatal
    with pytest.raises(RuntimeError, match="shape"):
        tokens(tmp_path / "x.parquet", letters, 1, monkeypatch)
