"""Builds whose every byte is pinned: the quickstart, and a recipe with every adapter and every table.

`python -m tests.pipeline.golden_builds` writes the pinned files anew, for a change that is meant.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import calibset
from calibset.dataset.rejects import write_rejects

GOLDEN = Path(__file__).parent / "golden"
PINNED = GOLDEN / "pinned"
"""The files that the builds wrote when they were pinned."""

_RECIPES = {"golden": GOLDEN / "recipe.toml", "quickstart": GOLDEN.parents[2] / "recipes" / "quickstart.toml"}


def built(name: str, folder: Path) -> Mapping[str, str]:
    """Build a recipe into a folder; return what was written by file name, and its lock.

    Versions of packages are left out of records: they differ between machines and say nothing of the bytes.
    """
    result = calibset.build(_RECIPES[name])
    result.write(folder / f"{name}.jsonl")
    result.lock.write(folder / f"{name}.lock")
    write_rejects(folder / f"{name}.rejects.jsonl", result.rejections, result.filtered)
    return {path.name: _pinned(path) for path in sorted(folder.iterdir())}


def _pinned(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix == ".jsonl":
        return text
    record = json.loads(text)
    del record["versions"]
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def pin() -> None:
    """Write the pinned files anew."""
    PINNED.mkdir(exist_ok=True)
    for name in _RECIPES:
        with TemporaryDirectory() as folder:
            for file, text in built(name, Path(folder)).items():
                (PINNED / file).write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(pin())
