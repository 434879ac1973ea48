"""Scores of 200,000 documents: the same bytes whoever makes them; chosen documents cost few of them."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import calibset
from tests.heavy.acceptance.scored_corpus import write_lines
from tests.heavy.hub import Hub

DOCUMENTS = int(os.environ.get("CALIBSET_SCORED", "200000"))

RECIPE = """\
name = "scored"
nsamples = {rows}
seqlen = 16
max_rows_per_document = 1

[groups]
web = 1.0

[sources.web]
type = "jsonl"
group = "web"
where = "web"
scores = "one"
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    write_lines(folder / "web", DOCUMENTS)
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(rows=min(512, DOCUMENTS // 100)))
    calibset.score(path)
    return path


def test_memory_does_not_grow_with_the_corpus(recipe: Path) -> None:
    small = recipe.parent / "small"
    write_lines(small / "web", DOCUMENTS // 4)
    (small / "recipe.toml").write_text(recipe.read_text())
    hub = Hub("http://127.0.0.1:9", recipe.parent)
    peaks = []
    for one in (small / "recipe.toml", recipe):
        ran, cost = hub.measured("score", one, "--scores", "measured", "--quiet", timeout=None)
        assert ran.code == 0, ran.err
        peaks.append(cost.peak)
    assert peaks[1] < 1.2 * peaks[0]


def test_a_second_run_reads_nothing_of_the_corpus(recipe: Path) -> None:
    web, aside = recipe.parent / "web", recipe.parent / "aside"
    web.rename(aside)
    web.mkdir()
    try:
        for path in aside.iterdir():
            # Of the same size and time: whoever opened it would read zeros.
            copy, status = web / path.name, path.stat()
            with copy.open("wb") as stream:
                stream.truncate(status.st_size)
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        (scored,) = calibset.score(recipe)
    finally:
        shutil.rmtree(web)
        aside.rename(web)
    assert (scored.new, scored.documents) == (0, DOCUMENTS)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of scores; what a killed process had begun stays beside them for a day."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".tmp")}


def test_four_processes_write_the_same(recipe: Path) -> None:
    calibset.score(recipe, scores="four", workers=4)
    assert contents(recipe.parent / "four") == contents(recipe.parent / "one")


@pytest.mark.filterwarnings("default")
def test_a_cluster_that_loses_a_worker_writes_the_same(recipe: Path) -> None:
    distributed = pytest.importorskip("distributed")
    folder = recipe.parent / "cluster"
    cluster = distributed.LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None)
    with cluster, cluster.get_client() as client:

        def kill_one() -> None:
            while not (folder.is_dir() and any("-of-" in path.name for path in folder.iterdir())):
                time.sleep(0.1)
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        calibset.score(recipe, scores="cluster", executor=client.get_executor())
        killer.join()
    assert contents(folder) == contents(recipe.parent / "one")


@pytest.mark.parametrize("choose", ["random", "quality", "coverage"])
def test_choosing_fetches_few_of_the_bytes(recipe: Path, choose: str) -> None:
    built = calibset.build(
        recipe, **{"sources.web.choose": choose, "sources.web.choose_where": "tokens >= 40"}
    )
    files = built.lock.sources["web"].files.values()
    read = sum(end - start for file in files for start, end in file.extents)
    assert read < 0.03 * sum(file.size or 0 for file in files)
