"""Builds over a cluster of Dask on this machine: the same bytes, also if workers are killed in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster

import calibset
from calibset.dataset.calibration_file import row_bytes
from tests.prose import prose, write_recipe, write_rows

EVALUATION = '[[exclude]]\nname = "quiz"\ntype = "jsonl"\nwhere = "quiz"\nlicence = "CC0-1.0"\n'
COOKIES = "We use cookies on this page so that it works as it should."
DOCUMENTS = 1_500


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with most of hygiene, of which a quarter of the documents are left out."""
    folder = tmp_path_factory.mktemp("recipe")
    write_rows(folder / "quiz", [{"text": prose(number, 50)} for number in range(10_000, 10_200)])
    texts = [f"{COOKIES}\n{prose(number % 1_200, 80)} jan{number}@posta.sk" for number in range(DOCUMENTS)]
    for number in range(0, DOCUMENTS, 10):
        texts[number] += f"\n{prose(10_000 + number % 200, 50)}"
    lines = 'hygiene = { boilerplate = true, pii = "mask" }'
    path = write_recipe(folder, lines, one=texts)
    path.write_text(path.read_text() + EVALUATION)
    return path


def written(path: Path, **options: Any) -> tuple[tuple[bytes, str, str], tuple[str, ...]]:
    built = calibset.build(path, nsamples=5_000, shortage="repeat", max_repeats=1_000, **options)
    files = row_bytes(built), built.manifest.model_dump_json(), built.lock.model_dump_json()
    return files, built.notes


@pytest.fixture(scope="module")
def serial(recipe: Path) -> tuple[tuple[bytes, str, str], tuple[str, ...]]:
    return written(recipe)


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    settings: Mapping[str, object] = getattr(request, "param", {})
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


class Killing(Executor):
    """A cluster's executor behind whose chunks of some numbers a worker is killed."""

    def __init__(self, client: Client, *numbers: int) -> None:
        self.executor = client.get_executor()
        self.client = client
        self.numbers = set(numbers)
        self.killed: list[int] = []
        self.calls = 0

    def submit(self, call: Any, /, *args: Any, **options: Any) -> Future[Any]:
        self.calls += 1
        future: Future[Any] = self.executor.submit(call, *args, **options)
        if self.calls in self.numbers:
            pids = self.client.run(os.getpid, on_error="ignore")
            self.killed.append(next(iter(pids.values())))
            os.kill(self.killed[-1], signal.SIGKILL)
        return future


def test_a_cluster_writes_what_one_process_writes(recipe: Path, serial: Any, client: Client) -> None:
    assert written(recipe, workers=2, executor=client.get_executor()) == serial


def test_killed_workers_lose_nothing_since_their_chunks_are_given_to_others(
    recipe: Path, serial: Any, client: Client
) -> None:
    executor = Killing(client, 12, 30)
    files, _ = written(recipe, workers=2, executor=executor)
    assert len(executor.killed) == 2
    assert executor.calls > 40
    assert files == serial[0]


@pytest.mark.parametrize("client", [{"distributed.scheduler.allowed-failures": 0}], indirect=True)
def test_what_the_cluster_gives_up_is_examined_here_and_told(
    recipe: Path, serial: Any, client: Client
) -> None:
    executor = Killing(client, 20)
    files, notes = written(recipe, workers=2, executor=executor)
    assert len(executor.killed) == 1
    assert files == serial[0]
    (note,) = set(notes) - set(serial[1])
    assert note.startswith("workers failed to examine ")
    assert "KilledWorker" in note
