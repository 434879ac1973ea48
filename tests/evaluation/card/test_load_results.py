"""Results of the load tool are read as vllm 0.33 writes them; anything else is an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibset.core.errors import OutputError
from calibset.evaluation.card.load_results import read_load_results

RESULT: dict[str, Any] = {
    "date": "20261128-171000", "endpoint_type": "openai", "backend": "openai", "label": None,
    "model_id": "smol", "tokenizer_id": "smol", "num_prompts": 3, "request_rate": "inf", "burstiness": 1.0,
    "max_concurrency": 32, "duration": 4.0, "completed": 3, "failed": 0, "total_input_tokens": 300,
    "total_output_tokens": 1200, "request_throughput": 0.75, "request_goodput": None,
    "output_throughput": 300.0, "total_token_throughput": 375.0, "latencies": [1.5, 3.0, 2.25],
    "mean_ttft_ms": 30.0, "median_ttft_ms": 29.0, "p99_ttft_ms": 50.0, "mean_e2el_ms": 2250.0,
    "p99_e2el_ms": 2990.0, "median_tpot_ms": 5.0,
}  # fmt: skip


def write_result(path: Path, **changes: Any) -> Path:
    """Write a result of the load tool."""
    path.write_text(json.dumps(RESULT | changes))
    return path


def test_the_fewest_requests_at_a_time_come_first(tmp_path: Path) -> None:
    paths = [
        write_result(tmp_path / "32.json"),
        write_result(tmp_path / "free.json", max_concurrency=None),
        write_result(tmp_path / "1.json", max_concurrency=1),
    ]
    assert [one.max_concurrency for one in read_load_results(paths)] == [1, 32, None]


def test_runs_that_were_appended_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text(json.dumps(RESULT | {"max_concurrency": 1}) + "\n" + json.dumps(RESULT))
    assert [one.max_concurrency for one in read_load_results([path])] == [1, 32]


def test_a_result_that_was_laid_out_over_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(RESULT, indent=2))
    assert read_load_results([path])[0].num_prompts == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (1.5, 3.0)),
        ({"latencies": []}, None),
        ({"completed": 2, "latencies": [1.5, 3.0]}, None),
        ({"completed": 2}, None),
    ],
)
def test_the_range_of_times_is_known_only_of_runs_without_failures(tmp_path, changes, expected) -> None:
    (result,) = read_load_results([write_result(tmp_path / "x.json", **changes)])
    assert result.latency_range == expected


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "it is empty"),
        ("{", "it is not JSON"),
        ("[]", "it is no table of a run's figures"),
        ('{"model_id": "x"}', "num_prompts: is missing"),
        (json.dumps(RESULT | {"completed": -1}), "completed: must be at least 0, got -1"),
        (json.dumps(RESULT | {"duration": float("nan")}), "duration: must be a finite number, got nan"),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_other_files_are_an_error(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(OutputError) as caught:
        read_load_results([path])
    assert str(caught.value) == f"{path}: is not what `vllm bench serve --save-result` writes: {fault}"


def test_a_file_that_is_not_there_or_no_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't be read: No such file"):
        read_load_results([tmp_path / "gone.json"])
    path = tmp_path / "x.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OutputError, match="it is not text"):
        read_load_results([path])
