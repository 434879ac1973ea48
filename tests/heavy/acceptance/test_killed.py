"""Builds of the flagship recipe that are ended from outside: nothing is half written, nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.heavy.hub import Hub

FEW = ("--set", "nsamples=16", "--quiet")
# An answer takes so many milliseconds, so that kills meet downloads.
LATENCY = "30"
# One moment in each tenth of a build but the last three, which are those of the files' writing.
MOMENTS = [(tenth + random.Random(f"kill {tenth}").random()) / 7.5 for tenth in range(7)]
# A build that has come so far when it should be killed may be a little faster, and be done.
SURE = 0.5


@dataclass(frozen=True)
class Undisturbed:
    """What a build without a kill gives, how long it takes from a cold cache, and an earlier output."""

    hub: Hub
    seconds: float
    both: tuple[bytes, bytes]
    earlier: tuple[bytes, bytes]


@pytest.fixture(scope="module")
def undisturbed(  # type: ignore[no-untyped-def]
    standin, corpora: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Undisturbed]:
    folder = tmp_path_factory.mktemp("undisturbed")
    earlier, out = folder / "earlier.jsonl", folder / "set.jsonl"
    with standin("--latency", LATENCY) as hub:
        assert hub.build(earlier, *FEW, "--set", "seed=7", data=corpora).code == 0
        cold = hub.with_home(folder / "home")
        ran, cost = cold.measured(*cold.to_build(out, *FEW, data=corpora))
        assert ran.code == 0, ran.err
        assert pair(earlier)[0] != pair(out)[0]
        yield Undisturbed(hub, cost.seconds, pair(out), pair(earlier))


@dataclass(frozen=True)
class Place:
    """Where a build is to be killed: a cold cache, and an earlier output."""

    hub: Hub
    out: Path
    corpora: Path

    def start(self) -> subprocess.Popen[str]:
        return self.hub.started(*self.hub.to_build(self.out, *FEW, data=self.corpora))

    def again(self) -> tuple[bytes, bytes]:
        """Return what the next build gives, with the cache that the killed one left."""
        ran = self.hub.build(self.out, *FEW, data=self.corpora)
        assert ran.code == 0, ran.err
        return pair(self.out)


@pytest.fixture
def place(undisturbed: Undisturbed, corpora: Path, tmp_path: Path) -> Place:
    out = tmp_path / "out" / "set.jsonl"
    out.parent.mkdir()
    for path, content in zip(both_paths(out), undisturbed.earlier, strict=True):
        path.write_bytes(content)
    return Place(undisturbed.hub.with_home(tmp_path / "home"), out, corpora)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment:.0%}")
def test_killed_while_it_reads_and_packs(undisturbed: Undisturbed, place: Place, moment: float) -> None:
    with place.start() as process:
        time.sleep(moment * undisturbed.seconds)
        process.kill()
    killed = process.returncode == -signal.SIGKILL
    assert killed or moment >= SURE
    assert pair(place.out) == (undisturbed.earlier if killed else undisturbed.both)
    assert place.again() == undisturbed.both


@pytest.mark.parametrize(
    ("files", "size"), [(1, 0), (2, 0), (2, 1)], ids=["one file", "both files", "bytes in them"]
)
def test_killed_while_it_writes(undisturbed: Undisturbed, place: Place, files: int, size: int) -> None:
    with place.start() as process:
        while process.poll() is None and not begun(place.out.parent, files, size):
            time.sleep(0.0002)
        process.kill()
    # It may have been quicker than the kill, but rows and manifest are of one build in any case.
    assert pair(place.out) in (undisturbed.earlier, undisturbed.both)
    assert place.again() == undisturbed.both


def test_interrupted(undisturbed: Undisturbed, place: Place) -> None:
    with place.start() as process:
        while not any(place.hub.home.glob("calibset/files/*")) and process.poll() is None:
            time.sleep(0.01)  # until something came
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "calibset: interrupted; what stood in the output before is unchanged\n"
    assert pair(place.out) == undisturbed.earlier
    assert sorted(place.out.parent.iterdir()) == sorted(both_paths(place.out))


def begun(folder: Path, files: int, size: int) -> bool:
    """Return whether so many files are being written, of which one has so many bytes."""
    found = [entry.stat().st_size for entry in os.scandir(folder) if entry.name.endswith(".tmp")]
    return len(found) >= files and max(found) >= size


def both_paths(out: Path) -> tuple[Path, Path]:
    return out, out.with_suffix(".manifest.json")


def pair(out: Path) -> tuple[bytes, bytes]:
    """Return the bytes of a calibration file and of its manifest."""
    rows, manifest = both_paths(out)
    return rows.read_bytes(), manifest.read_bytes()
