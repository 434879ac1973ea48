"""The pages are followed: each block marked `run` is run, and prints and writes what the page shows.

Each page has a folder of its own, with a model's folder `model`, data of one's own in `data`, the project's
`recipes`, and servers of two models where the page asks localhost:8000 and localhost:8001. No network is
asked.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from calibset import build
from tests.documentation.pages import PAGES, ROOT, Block, Page
from tests.evaluation.model_server import Bigram, Serve
from tests.own_data import say, write_own_data

WITH_HOLDOUT = """\
extends = "quickstart"
name = "sk"
tokenizer = "model"
nsamples = 8
seqlen = 2048

[holdout]
nsamples = 8
"""

FOLLOWED = [page for page in PAGES if any(block.kind == "run" for block in page.blocks)]

# What the steps took is another each time.
TOOK = re.compile(r"(?<=took )[\d.]+ s: .*")


def give_file(folder: Path) -> None:
    """Build a file with a holdout, as a reader has one."""
    (folder / "sk.toml").write_text(WITH_HOLDOUT, "utf-8")
    build(folder / "sk.toml").write(folder / "sk.jsonl")


def give_rows(folder: Path) -> None:
    """Write rows of another script."""
    rows = [{"text": say(number, 12 + number % 12)} for number in range(40)]
    (folder / "theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def give_minutes(folder: Path) -> None:
    """Write minutes of a committee, with an item of another committee and an empty one."""
    items = [
        f"Large losses\nClaim {i} was settled after the survey of the roof and the cellar." for i in range(60)
    ]
    (folder / "minutes").mkdir()
    text = "\n=====\n".join([*items, "Motor\nNothing to decide.", " "])
    (folder / "minutes" / "june.minutes.txt").write_text(text, "utf-8")


GIVEN: dict[str, Callable[[Path], None]] = {
    "docs/how-to/writing-a-source.md": give_minutes,
    "docs/reference/evaluation.md": give_file,
    "docs/reference/quantizers.md": give_rows,
}
"""What a reader of some pages has beside what every page assumes."""


@dataclass
class Reader:
    """Somebody who does what a page says.

    Attributes:
        page: The page.
        folder: Where it is done.
        environment: The variables that are set.
        addresses: What is asked in place of the addresses that the page names.
        printed: What the last run printed.
    """

    page: Page
    folder: Path
    environment: Mapping[str, str]
    addresses: Mapping[str, str]
    printed: str = ""
    unrun: list[Block] = field(default_factory=list)

    def follow(self) -> None:
        """Do all of the page."""
        for block in self.page.blocks:
            if block.kind in {"run", "prints", "written"} and block.language != "python":
                self._run_python()
            if block.kind == "run" and block.language == "python":
                self.unrun.append(block)
            elif block.kind == "run":
                self._run(block, ["bash", "-euo", "pipefail", "-c", self._localise(block.code)])
            elif block.kind == "prints":
                self._compare(block, self.printed)
            elif block.kind == "file":
                path = self.folder / block.detail
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.code, "utf-8")
            elif block.kind == "written":
                self._compare(block, (self.folder / block.detail).read_text("utf-8"))
        self._run_python()

    def _run_python(self) -> None:
        """Run the Python since the last command or output, which shares its names, as one program."""
        if not self.unrun:
            return
        program = self.folder / "page.py"
        program.write_text("\n".join(self._localise(block.code) for block in self.unrun), "utf-8")
        self._run(self.unrun[-1], [sys.executable, str(program)])
        self.unrun = []

    def _run(self, block: Block, words: list[str]) -> None:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        expected = int(re.sub(r"exits with (\d+)", r"\1", block.detail) or 0)
        assert done.returncode == expected, f"{self._place(block)}\n{done.stdout}\n{done.stderr}"
        self.printed = done.stdout

    def _compare(self, block: Block, text: str) -> None:
        shown, text = (TOOK.sub("…", one) for one in (block.code, text))
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        assert re.fullmatch(_as_pattern(shown), text), f"{self._place(block)} is stale; it is now\n{text}"

    def _localise(self, code: str) -> str:
        for there, here in self.addresses.items():
            code = code.replace(there, here)
        return code

    def _place(self, block: Block) -> str:
        return f"{self.page.path}:{block.line}"


def _as_pattern(shown: str) -> str:
    """Return what matches a text as a page shows it, with `…` for what is left out."""
    lines = (
        r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", ".*") + r"\n"
        for line in shown.splitlines()
    )
    return "".join(lines)


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.path)
def test_a_page_can_be_followed(page: Page, tmp_path: Path, serve: Serve) -> None:
    write_own_data(tmp_path)
    if give := GIVEN.get(page.path):
        give(tmp_path)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    addresses = {
        "http://localhost:8000": serve().address,
        "http://localhost:8001": serve(name="w4", model=Bigram(seed=1)).address,
    }
    environment = os.environ | {
        "CALIBSET_CACHE": str(tmp_path.parent / "cache"),
        "HF_HUB_OFFLINE": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    Reader(page, tmp_path, environment, addresses).follow()


@pytest.mark.parametrize(
    ("shown", "text", "is_shown"),
    [
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("a…\n", "abc\n", True),
        ("a\n", "a\nb\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_what_is_left_out_may_be_anything(shown: str, text: str, is_shown: bool) -> None:
    assert bool(re.fullmatch(_as_pattern(shown), text)) == is_shown
