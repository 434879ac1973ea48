"""Commands in processes of their own, and what they took."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Starts a command and says on a line of its own what it took. A process counts the memory of the one it was
# forked from as its own, so that one must be small. What workers of the command took counts as its own.
_STARTER = """
import os, sys
process = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(process, 0)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> list[str]:
        """The lines on standard error that are no progress."""
        return [line for line in self.err.splitlines() if line.startswith("calibset:")]


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: From its start to its end.
        processor: Seconds of processor time, those of its workers with it.
        peak: Memory of the largest of its processes at its peak, in bytes.
    """

    seconds: float
    processor: float
    peak: int

    def against(self, other: Cost) -> str:
        """Say how many times another's processor time and memory this is."""
        return (
            f"{self.processor / other.processor:5.2f} x the processor time ({self.processor:.1f} s), "
            f"{self.peak / other.peak:5.2f} x the memory ({self.peak / 1e6:.0f} MB)"
        )


def run_measured(
    *words: str | Path,
    env: Mapping[str, str] | None = None,
    timeout: float | None = 900,
    python: Path | None = None,
    cwd: Path | None = None,
) -> tuple[Ran, Cost]:
    """Run Python with words after it, and say what that took.

    Args:
        words: What stands after ``python``.
        env: The environment, if it is another.
        timeout: Seconds after which it is ended, or None.
        python: Another interpreter than this one.
        cwd: The folder that it works in, if it is another.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-S", "-c", _STARTER, str(python or sys.executable), *map(str, words)],
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd,
        check=False,
        timeout=timeout,
    )
    seconds = time.perf_counter() - start
    err, _, numbers = done.stderr.rstrip().rpartition("\n")
    kilobytes, processor = numbers.split()
    return Ran(done.returncode, done.stdout, err), Cost(seconds, float(processor), int(kilobytes) * 1024)
