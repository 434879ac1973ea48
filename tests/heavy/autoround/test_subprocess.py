"""AutoRound in a process of its own, in a subprocess of its own, in an ASCII locale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from calibset.quantizers.autoround.loader import AutoRound
from calibset.tokenizers.tekken import TekkenTokenizer
from tests.heavy.autoround.prediction import predict_ids

SCRIPT = Path(__file__).with_name("fresh_process.py")
SEQLEN = 16


def rows(count: int, *, ascii_only: bool) -> str:
    texts = [f"Poistné č. {number} je splatné ročne, a to vopred." * 2 for number in range(count)]
    texts[3] = "krátke"
    return "".join(json.dumps({"text": text}, ensure_ascii=ascii_only) + "\n" for text in texts)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("files")
    good, blank, raw = folder / "good.jsonl", folder / "blank.jsonl", folder / "raw.jsonl"
    good.write_text(rows(9, ascii_only=True))
    blank.write_text(rows(9, ascii_only=True) + "\n")
    raw.write_text(rows(9, ascii_only=False), "utf-8")
    return good, blank, raw


@pytest.fixture(scope="module")
def outcome(tokenizer_folder: Path, files: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("fresh-home")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "AR_DISABLE_DATASET_SUBPROCESS"},
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1",
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
    }
    result = home / "result.json"
    words = [str(tokenizer_folder), str(SEQLEN), "5", str(result), *map(str, files)]
    subprocess.run([sys.executable, str(SCRIPT), *words], env=environment, check=True, timeout=300)
    return json.loads(result.read_text())


def test_a_subprocess_takes_the_rows_predicted(
    outcome: Any, files: tuple[Path, Path, Path], tekken: TekkenTokenizer
) -> None:
    report = AutoRound().simulate_file(files[0], tekken, nsamples=5, seqlen=SEQLEN)
    texts = [json.loads(line)["text"] for line in files[0].read_text().splitlines()]
    expected = predict_ids(files[0], texts, tekken, seqlen=SEQLEN, nsamples=5)
    good = outcome["files"][0]
    assert (report.kept, len(expected)) == (8, 5)
    assert Counter(map(tuple, good["ids"])) == Counter(expected)
    # Read once, in the fork where there is one: nothing fell back to reading it again.
    assert good["here"] == [not outcome["forks"]]


def test_a_fault_in_a_subprocess_is_raised_here(
    outcome: Any, files: tuple[Path, Path, Path], tekken: TekkenTokenizer
) -> None:
    assert AutoRound().simulate_file(files[1], tekken, nsamples=5, seqlen=SEQLEN).fatal == (
        "row 10: blank line",
    )
    blank = outcome["files"][1]
    assert (blank["ids"], blank["error"]) == (None, "JSONDecodeError")
    assert blank["here"] == ([False, True] if outcome["forks"] else [True])


def test_raw_utf8_depends_on_the_locale(
    outcome: Any, files: tuple[Path, Path, Path], tekken: TekkenTokenizer
) -> None:
    assert AutoRound().simulate_file(files[2], tekken, nsamples=9, seqlen=SEQLEN).warnings == (
        "the file isn't ASCII: AutoRound reads it in the locale's encoding",
    )
    assert outcome["files"][2]["error"] == "UnicodeDecodeError"
