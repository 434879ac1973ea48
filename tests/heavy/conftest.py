"""A stand-in of the hub, with faults of choice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.heavy.hub import Hub


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of corpora, named by CALIBSET_HUB."""
    return Path(_named("CALIBSET_HUB"))


@pytest.fixture(scope="session")
def standin(
    corpora: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., AbstractContextManager[Hub]]:
    """Start a stand-in with faults of choice."""
    script = _named("CALIBSET_STANDIN")

    @contextmanager
    def start(*faults: str, root: Path = corpora) -> Iterator[Hub]:
        command = [sys.executable, script, "--root", str(root), *faults]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield Hub(process.stdout.readline().strip(), tmp_path_factory.mktemp("hf-home"))
            finally:
                process.terminate()

    return start


@pytest.fixture(scope="session")
def hub(standin: Callable[..., AbstractContextManager[Hub]]) -> Iterator[Hub]:
    with standin() as running:
        yield running


def _named(variable: str) -> str:
    found = os.environ.get(variable)
    if not found:
        pytest.skip(f"{variable} names nothing")
    return found
