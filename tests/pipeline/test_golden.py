"""The bytes of whole builds: rows, manifests, locks and rejects as they were pinned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.golden_builds import PINNED, built


@pytest.mark.parametrize("name", ["golden", "quickstart"])
def test_a_build_writes_the_pinned_bytes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Folders named by the environment must not stand in for the recipe's own.
    monkeypatch.delenv("CALIBSET_DATA", raising=False)
    pinned = {path.name: path.read_text("utf-8") for path in PINNED.glob(f"{name}.*")}
    assert built(name, tmp_path) == pinned


def test_all_is_pinned() -> None:
    kinds = ("jsonl", "lock", "manifest.json", "rejects.jsonl")
    holdout = ("holdout.jsonl", "holdout.manifest.json")
    expected = [f"{name}.{kind}" for name in ("golden", "quickstart") for kind in kinds]
    assert sorted(path.name for path in PINNED.iterdir()) == sorted(
        expected + [f"golden.{kind}" for kind in holdout]
    )
