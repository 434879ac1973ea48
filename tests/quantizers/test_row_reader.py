from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from calibset.core.errors import QuantizerError
from calibset.quantizers import QUANTIZERS, get_quantizer
from calibset.tokenizers import Tokenizer
from tests.quantizers.rows import EXACT, SEQLEN, simulate_rows


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("gptqmodel", {"text": EXACT, "input_ids": [1]}, None),
        ("autoawq", {"messages": [], "text": EXACT}, None),
        ("modelopt", {"prompt": "a", "text": EXACT}, "its prompt is read instead of its text"),
        ("modelopt", {"input": "a", "text": EXACT}, None),
        ("modelopt", {"input": "a"}, None),
        ("modelopt", {"prompt": "a", "completion": "b"}, None),
        ("modelopt", {"text": ""}, "an empty text is skipped"),
        ("llm-compressor", {"messages": [], "text": EXACT}, None),
        ("llm-compressor", {"text": "a", "input_ids": [1] * 16}, None),
    ],
)
def test_one_key_wins_over_another(
    name: str, row: dict[str, Any], reason: str | None, letters: Tokenizer, tmp_path: Path
) -> None:
    report = simulate_rows(name, [row, row], letters, tmp_path)
    assert report.fatal == ()
    assert report.rows[0].reason == reason


@pytest.mark.parametrize("name", ["autoawq", "llm-compressor", "gptqmodel"])
def test_rows_of_two_kinds_stop_it(name: str, letters: Tokenizer, tmp_path: Path) -> None:
    report = simulate_rows(name, [{"text": EXACT}, {"input_ids": [1] * 16}], letters, tmp_path)
    assert report.fatal == ("some rows are texts and some are ids; all rows must be of one kind",)


@pytest.mark.parametrize("bad", [[1, "2"], [True], "1 2", [-1], [1.5]])
def test_ids_are_whole_numbers(bad: Any, letters: Tokenizer, tmp_path: Path) -> None:
    report = simulate_rows("gptqmodel", [{"input_ids": bad}], letters, tmp_path)
    assert report.fatal == ("row 1: its input_ids are not a list of ids",)


@pytest.mark.parametrize("name", ["gptqmodel", "llm-compressor", "autoawq"])
@pytest.mark.parametrize("outside", [258, 2**40, 2**70])
def test_ids_are_of_the_vocabulary(name: str, outside: int, letters: Tokenizer, tmp_path: Path) -> None:
    assert letters.vocabulary_size == 258
    report = simulate_rows(
        name, [{"input_ids": [257] * 16}, {"input_ids": [outside] * 16}], letters, tmp_path
    )
    assert report.fatal == ("row 2: its input_ids hold ids that the tokenizer doesn't have",)
    assert not report.passed


@pytest.mark.parametrize(
    "name", [n for n, quantizer in QUANTIZERS.items() if ".parquet" in quantizer.info.reads]
)
def test_ids_of_a_parquet_file_are_of_the_vocabulary(name: str, letters: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"input_ids": [[2**40] * 16]}), path)
    report = get_quantizer(name).simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)
    assert not report.passed
    if name != "exllamav2":
        assert report.fatal == ("row 1: its input_ids hold ids that the tokenizer doesn't have",)


def far_off() -> pa.Array:
    """Return a time that Python has no value for."""
    return pa.array([2**62], pa.timestamp("ms"))


@pytest.mark.parametrize("name", ["gptqmodel", "llm-compressor", "autoawq"])
def test_columns_that_no_quantizer_reads_are_not_read(name: str, letters: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"date": far_off(), "text": [EXACT]}), path)
    report = get_quantizer(name).simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)
    assert (report.fatal, report.lost) == ((), ())


@pytest.mark.parametrize(
    "name", [n for n, quantizer in QUANTIZERS.items() if ".parquet" in quantizer.info.reads]
)
def test_a_parquet_file_of_values_that_python_has_not_is_an_error(
    name: str, letters: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"text": far_off()}), path)
    with pytest.raises(QuantizerError) as caught:
        get_quantizer(name).simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)
    assert str(caught.value) == f"{path}: can't be read as parquet"


@pytest.mark.parametrize(
    "name", [n for n, quantizer in QUANTIZERS.items() if ".parquet" in quantizer.info.reads]
)
def test_a_small_file_that_unpacks_to_very_much_is_an_error(
    name: str, letters: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibset.storage.parquet_tables.MOST_MEMORY", 2**16)
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"text": ["a" * 1_000] * 1_000}), path)
    size = path.stat().st_size
    with pytest.raises(QuantizerError) as caught:
        get_quantizer(name).simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)
    assert str(caught.value) == (
        f"{path}: its {size:,} bytes unpack to more than {max(2**16, 128 * size):,}, as no such file does"
    )


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.parquet"])
def test_more_rows_than_a_file_can_hold_are_an_error(
    name: str, letters: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibset.quantizers.row_reader._MOST_ROWS", 100)
    path = tmp_path / name
    rows = 100

    def simulate() -> None:
        if path.suffix == ".parquet":
            parquet.write_table(pa.table({"text": ["a"] * rows}), path)
        else:
            lines, one = ['{"text": "a"}'] * rows, path.suffix == ".json"
            path.write_text(f"[{','.join(lines)}]" if one else "\n".join((*lines, "")))
        get_quantizer("autoround").simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)

    simulate()
    rows = 101
    with pytest.raises(QuantizerError) as caught:
        simulate()
    assert str(caught.value) == (
        f"{path}: has 101 rows in {path.stat().st_size:,} bytes, which no calibration file has: more than "
        "100, and more than one for each 100 bytes"
    )
    monkeypatch.setattr("calibset.quantizers.row_reader._BYTES_PER_ROW", 1)
    simulate()


def test_a_parquet_file_of_other_columns_has_no_text(letters: Tokenizer, tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1, 2]}), tmp_path / "x.parquet")
    report = get_quantizer("gptqmodel").simulate_file(
        tmp_path / "x.parquet", letters, nsamples=1, seqlen=SEQLEN
    )
    assert report.fatal == ("row 1: has no text", "row 2: has no text")
