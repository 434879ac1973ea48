"""A stand-in of the hub that is running, and the command line against it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.heavy.measured_process import Cost, Ran, run_measured

FLAGSHIP = Path(__file__).parents[2] / "recipes" / "slovak_insurance.toml"

_MIRRORED = {
    "https://raw.githubusercontent.com/codexstanford/a-repository-of-insurance-contract-definitions/"
    "863c8ab97c504c2a9b0934f97b1f02c37ac61d8c/": "codexstanford/insurance-contract-definitions",
    "https://raw.githubusercontent.com/Actuarial-Notes/Actuarial-Ontology/"
    "8854b35482c57537a0e1d04088b7a009614cd1c8/": "Actuarial-Notes/Actuarial-Ontology",
}

# What a developer's shell may hold and a stand-in must not see. What is installed is compiled, too.
_OWN = (
    "CALIBSET_CACHE", "CALIBSET_DATA", "CALIBSET_MIRRORS", "HF_HUB_OFFLINE", "HF_TOKEN",
    "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip

# What the installed command does. After `python -m`, an interrupt that is caught may still end the
# process by its signal, where it came inside an exec() of a text, as imports have them.
_COMMAND = "import sys; from calibset.cli import main; sys.exit(main())"

# Seconds that a command may take, but for those that take long.
_PATIENCE = 300


@dataclass(frozen=True)
class Hub:
    """A stand-in that is running.

    Attributes:
        address: Where it answers.
        home: HF_HOME of the commands, with calibset's cache in it.
    """

    address: str
    home: Path

    def with_home(self, home: Path) -> Hub:
        """Return the same stand-in for commands with another cache."""
        return replace(self, home=home)

    def run(self, *words: str | Path) -> Ran:
        """Run calibset in a fresh process that sees this hub."""
        return self._run("-m", "calibset", *words)

    def measured(self, *words: str | Path, timeout: float | None = _PATIENCE) -> tuple[Ran, Cost]:
        """Do the same and say what it took."""
        return run_measured("-m", "calibset", *words, env=self.environment, timeout=timeout)

    def started(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start calibset in a fresh process that sees this hub, to be stopped by the caller."""
        return subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *map(str, words)],
            # A shell's background jobs, and so their children, ignore interrupts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (no threads here)
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def build(self, out: Path, *words: str | Path, data: Path | None = None, recipe: Path = FLAGSHIP) -> Ran:
        """Build the flagship recipe, unmodified but for words given."""
        return self.run(*self.to_build(out, *words, data=data, recipe=recipe))

    def to_build(
        self, out: Path, *words: str | Path, data: Path | None = None, recipe: Path = FLAGSHIP
    ) -> tuple[str | Path, ...]:
        """Return the words that build the flagship recipe."""
        return ("build", recipe, "--out", out, *self.places(data), *words)

    def places(self, data: Path | None = None) -> tuple[str | Path, ...]:
        """Return the words that tell a command where the flagship's corpora are."""
        return (*(("--data", data) if data else ()), *self.mirrors)

    @property
    def mirrors(self) -> tuple[str, ...]:
        """The words that send the two GitHub places to this hub."""
        return tuple(
            word
            for prefix, repository in _MIRRORED.items()
            for word in ("--mirror", f"{prefix}={self.address}/datasets/{repository}/resolve/main/")
        )

    def stats(self, *, reset: bool = False) -> Any:
        with urlopen(f"{self.address}/_stats{'?reset=1' if reset else ''}") as answer:
            return json.load(answer)

    def _run(self, *words: str | Path, timeout: float | None = _PATIENCE) -> Ran:
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            capture_output=True,
            text=True,
            env=self.environment,
            check=False,
            timeout=timeout,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        """What commands see."""
        inherited = {name: value for name, value in os.environ.items() if name not in _OWN}
        return {
            **inherited,
            "HF_ENDPOINT": self.address,
            "HF_HOME": str(self.home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }


@contextmanager
def serve_hub(root: Path, home: Path) -> Iterator[Hub]:
    """Run the stand-in that CALIBSET_STANDIN names over a folder of corpora."""
    command = [sys.executable, os.environ["CALIBSET_STANDIN"], "--root", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Hub(process.stdout.readline().strip(), home)
        finally:
            process.terminate()
