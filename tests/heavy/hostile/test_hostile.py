"""Every kind of hostile file is built or refused in bounded time and memory, which grow as the file does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.heavy.hostile import compressed, graphs, pages, tables, templates, texts, tokenizers, workbooks
from tests.heavy.hostile.hostile_file import MEGABYTE, Built, HostileFile, build

KINDS = (
    *compressed.KINDS, *tables.KINDS, *graphs.KINDS, *pages.KINDS, *workbooks.KINDS, *texts.KINDS,
    *templates.KINDS, *tokenizers.KINDS,
)  # fmt: skip
LONGEST_SECONDS = 10.0
MOST_MEMORY = 2**30
MOST_GROWTH = 12.0
# Of such a file a build takes as long as it takes to start.
TINY = 10_000
# What is so short, in seconds, varies by as much from one run to the next.
_NOISE = 0.5

Measure = Callable[[HostileFile, int], Built]

of_every_kind = pytest.mark.parametrize("hostile", KINDS, ids=lambda hostile: hostile.name)


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """Build of a file of so many bytes, once for all tests."""

    @cache
    def measured(name: str, size: int) -> Built:
        folder = tmp_path_factory.mktemp("hostile")
        found = build(next(one for one in (*KINDS, HARMLESS) if one.name == name), folder, size)
        shutil.rmtree(folder)
        return found

    return lambda hostile, size: measured(hostile.name, size)


def _write_prose(path: Path, size: int) -> None:
    line = '{"text": "Once upon a time there was one more of the kind; it lived a number of years."}\n'
    path.write_text("".join(line.replace("number", str(number)) for number in range(size // len(line))))


HARMLESS = HostileFile(name="harmless", file_name="a.jsonl", write=_write_prose, options={"type": "jsonl"})


@of_every_kind
def test_ten_megabytes_are_built_or_refused(hostile: HostileFile, measure: Measure) -> None:
    built = measure(hostile, 10 * MEGABYTE)
    assert built.is_told, (built.code, built.said[-2_000:])
    assert built.seconds <= LONGEST_SECONDS, built
    assert built.peak <= MOST_MEMORY, built


@of_every_kind
def test_ten_times_the_input_takes_ten_times_as_long(hostile: HostileFile, measure: Measure) -> None:
    start, small, large = (measure(hostile, size).seconds for size in (TINY, MEGABYTE, 10 * MEGABYTE))
    assert large - start <= MOST_GROWTH * max(small - start, _NOISE), (start, small, large)


def test_a_harmless_file_is_built(measure: Measure) -> None:
    built = measure(HARMLESS, MEGABYTE)
    assert built.code == 0, built.said
