from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibset.core.errors import OutputError
from calibset.evaluation.measurement import Measurement, MeasurementInfo, WindowScores
from calibset.evaluation.windows import Window
from tests.evaluation.measurements import INFO, random_scores, small_measurement


def assert_same(read: Measurement, written: Measurement) -> None:
    assert read.about == written.about
    assert len(read.windows) == len(written.windows)
    for one, other in zip(read.windows, written.windows, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert one.scored.tolist() == other.scored.tolist()
        assert (one.index, one.source, one.group, one.document, one.task) == (
            other.index, other.source, other.group, other.document, other.task,
        )  # fmt: skip
    for before, after in zip(written.scores, read.scores, strict=True):
        for name in ("logprobs", "top_ids", "top_logprobs"):
            assert getattr(before, name).dtype == getattr(after, name).dtype
            assert np.array_equal(getattr(before, name), getattr(after, name))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    measurement = small_measurement()
    measurement.write(tmp_path / "base.parquet")
    assert_same(Measurement.read(tmp_path / "base.parquet"), measurement)


def test_windows_keep_their_names_and_lengths(tmp_path: Path) -> None:
    def window(index: int, length: int, scored: list[int], **names: str | None) -> Window:
        ids = np.arange(length, dtype=np.int32)
        return Window(
            index=index, ids=ids, scored=np.array(scored, dtype=np.int32), document=f"d{index}", **names
        )

    windows = [
        window(0, 5, [1, 4], source="faq", group="insurance"),
        window(1, 3, [], source=None, group=None),
        window(2, 9, [8], source="wiki", group="insurance", task="generate 8:1"),
    ]
    measurement = Measurement(INFO, windows, random_scores(windows, 2))
    measurement.write(tmp_path / "base.parquet")
    assert_same(Measurement.read(tmp_path / "base.parquet"), measurement)
    table = pq.read_table(tmp_path / "base.parquet")
    assert table.column_names == [
        "window", "position", "id", "logprob", "top_ids", "top_logprobs",
        "source", "group", "document", "task",
    ]  # fmt: skip
    assert [table[name].null_count for name in ("logprob", "top_ids", "top_logprobs")] == [14, 14, 14]


@pytest.mark.parametrize("k", [0, 1])
def test_few_tokens_or_none_are_kept_at_each(tmp_path: Path, k: int) -> None:
    measurement = small_measurement(k=k)
    measurement.write(tmp_path / "base.parquet")
    assert_same(Measurement.read(tmp_path / "base.parquet"), measurement)


def test_names_that_no_encoder_can_write_are_written_with_a_mark(tmp_path: Path) -> None:
    odd = {"model": "m\udcff", "target": "\udcff", "tokenizer": "t\ud800", "data": "d\udcff.txt"}
    about = MeasurementInfo(**{**INFO.model_dump(), **odd, "versions": {"vllm": "\ud800"}})
    measurement = small_measurement()
    Measurement(about, measurement.windows, measurement.scores).write(tmp_path / "a.parquet")
    read = Measurement.read(tmp_path / "a.parquet").about
    assert (read.model, read.target, read.tokenizer, read.data) == (
        "m\ufffd",
        "\ufffd",
        "t\ufffd",
        "d\ufffd.txt",
    )
    assert read.versions == {"vllm": "\ufffd"}


def test_a_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers()).take(pa.array([0] * 24))
    rewrite(tmp_path / "a.parquet", small_measurement(), "document", bad)
    with pytest.raises(OutputError, match=r"is not a measurement of this version of calibset .*UTF8"):
        Measurement.read(tmp_path / "a.parquet")


def test_a_small_file_that_unpacks_to_very_much_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibset.storage.parquet_tables.MOST_MEMORY", 100)
    monkeypatch.setattr("calibset.storage.parquet_tables.MOST_MEMORY_PER_BYTE", 0)
    path = tmp_path / "a.parquet"
    small_measurement().write(path)
    with pytest.raises(OutputError) as caught:
        Measurement.read(path)
    assert str(caught.value) == (
        f"{path}: is not a parquet file that can be read: its {path.stat().st_size:,} bytes unpack to more "
        "than 100, as no such file does"
    )


def test_other_files_are_no_measurements(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(OutputError, match=r"a\.parquet: can't be read: No such file or directory$"):
        Measurement.read(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(OutputError, match=r"a\.parquet: is not a parquet file that can be read: "):
        Measurement.read(path)
    pq.write_table(pa.table({"window": [0]}), path)
    with pytest.raises(
        OutputError, match=r"a\.parquet: is not a measurement; `calibset evaluate` writes one$"
    ):
        Measurement.read(path)


def rewrite(path: Path, measurement: Measurement, column: str, values: pa.Array) -> None:
    measurement.write(path)
    table = pq.read_table(path)
    table = table.set_column(table.column_names.index(column), column, values)
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("window", pa.array([0] * 8 + [2] * 8 + [3] * 8), "window 1 is not there whole and in its place"),
        ("position", pa.array([0] * 24), "window 0 is not there whole and in its place"),
        ("id", pa.array([2**40] * 24),
         "a column is of another type: Integer value 1099511627776 not in "
         "range: -2147483648 to 2147483647"),
        ("id", pa.array([None] * 24, pa.int32()), "column id has nulls"),
        ("logprob", pa.array([None] * 24, pa.float32()),
         "column top_ids has not 2 values at each scored token"),
        ("logprob", pa.array(([None] * 5 + [0.5] * 3) * 3),
         "window 0 has a logprob that is 0.5, which is above 0"),
        ("logprob", pa.array(([None] * 5 + [float("nan")] * 3) * 3), "window 0 has a logprob that is nan"),
    ],
)  # fmt: skip
def test_a_damaged_measurement_says_where(tmp_path: Path, column: str, values: pa.Array, fault: str) -> None:
    path = tmp_path / "a.parquet"
    rewrite(path, small_measurement(), column, values)
    with pytest.raises(OutputError) as raised:
        Measurement.read(path)
    assert str(raised.value) == (
        f"{path}: is not a measurement of this version of calibset ({fault}); evaluate again"
    )


@pytest.mark.parametrize(
    ("logprob", "top", "fault"),
    [
        (-1.0, [-0.5, -1.5], None),
        (-np.inf, [-0.5, -1.5], "a logprob that is -inf"),
        (-1.0, [np.nan, -1.5], "a top logprob that is nan"),
        (-1.0, [0.1, -1.5], "a top logprob that is 0.1, which is above 0"),
        (-1.0, [-0.1, -0.1], "top probabilities that sum to more than 1"),
    ],
)
def test_numbers_that_are_no_log_probabilities_are_found(
    logprob: float, top: list[float], fault: str | None
) -> None:
    scores = WindowScores(
        np.array([logprob], dtype=np.float32),
        np.array([[0, 1]], dtype=np.int32),
        np.array([top], dtype=np.float32),
    )
    assert scores.find_fault() == fault
