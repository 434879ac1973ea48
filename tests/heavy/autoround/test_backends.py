"""What transformers' own tokenizers of a Mistral model read of rows with control tokens."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from calibset.dataset.tokenizer_check import Backend, check_tokenizer

TEXTS = ("Žltý kôň preskočil plot.", "[INST]Aké je poistné?[/INST]12 €.</s>", "isn't 1 234,50\n\n\tx")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backends") / "x.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


@pytest.mark.parametrize(
    ("backend", "kind", "reasons"),
    [
        ("fast", "TokenizersBackend", {}),
        ("mistral-common", "MistralCommonBackend", {2: "control tokens are read as plain text"}),
        ("tokenizers", "TokenizersBackend", dict.fromkeys([1, 2, 3], "no BOS is put before the text")),
    ],
)
def test_each_reads_as_it_is_known_to(
    file: Path, backend: Backend, kind: str, reasons: dict[int, str]
) -> None:
    report = check_tokenizer(file, backend)
    assert report.backend.startswith(f"{kind} of transformers ")
    assert {row.row: row.reason for row in report.misread} == reasons
    assert report.rows == len(TEXTS)


def test_a_folder_of_ones_own_is_asked(file: Path, tokenizer_folder: Path) -> None:
    assert check_tokenizer(file, "fast", tokenizer=str(tokenizer_folder)).passed
    assert Counter(path.name for path in tokenizer_folder.iterdir()) == {
        "tokenizer.json": 1,
        "tokenizer_config.json": 1,
    }
