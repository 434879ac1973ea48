"""Scores of 200,000 documents: the same bytes whoever makes them; chosen documents cost few of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import calibset
from tests.heavy.acceptance.scored_corpus import write_lines

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


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_four_processes_write_the_same(recipe: Path) -> None:
    calibset.score(recipe, scores="four", workers=4)
    assert contents(recipe.parent / "four") == contents(recipe.parent / "one")


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
