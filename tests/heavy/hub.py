"""A stand-in of the hub that is running, and the command line against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

FLAGSHIP = Path(__file__).parents[2] / "recipes" / "slovak_insurance.toml"

_MIRRORED = {
    "https://raw.githubusercontent.com/codexstanford/a-repository-of-insurance-contract-definitions/"
    "863c8ab97c504c2a9b0934f97b1f02c37ac61d8c/": "codexstanford/insurance-contract-definitions",
    "https://raw.githubusercontent.com/Actuarial-Notes/Actuarial-Ontology/"
    "8854b35482c57537a0e1d04088b7a009614cd1c8/": "Actuarial-Notes/Actuarial-Ontology",
}


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Hub:
    """A stand-in that is running."""

    address: str
    home: Path

    def run(self, *words: str | Path) -> Ran:
        """Run calibset in a fresh process that sees this hub."""
        environment = {
            **os.environ,
            "HF_ENDPOINT": self.address,
            "HF_HOME": str(self.home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }
        command = [sys.executable, "-m", "calibset", *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, check=False, timeout=300
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def build(self, out: Path, *words: str | Path, data: Path | None = None) -> Ran:
        """Build the flagship recipe, unmodified but for words given."""
        data_words = ("--data", data) if data else ()
        return self.run("build", FLAGSHIP, "--out", out, *data_words, *self.mirrors, *words)

    @property
    def mirrors(self) -> tuple[str, ...]:
        """The words that send the two GitHub places to this hub."""
        return tuple(
            word
            for prefix, repository in _MIRRORED.items()
            for word in ("--mirror", f"{prefix}={self.address}/datasets/{repository}/resolve/main/")
        )

    def stats(self) -> Any:
        with urlopen(f"{self.address}/_stats") as answer:
            return json.load(answer)
