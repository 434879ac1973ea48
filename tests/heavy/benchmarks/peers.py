"""Quality filters and near duplicates over the same texts: calibset, datatrove and Data-Juicer in one run.

Prints processor time and memory as ratios to calibset's, and how many texts each keeps. Their rules differ;
the kind of work is the same. Each peer has an environment of its own in a folder, made when it is first
wanted; one that doesn't install is told and left out. Wants CALIBSET_HUB.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.heavy.benchmarks.plain_script import parquet, read_corpora
from tests.heavy.benchmarks.rounds import best_of_rounds
from tests.heavy.measured_process import Cost, Ran, run_measured

# Texts; the others of the flagship's corpora are conversations.
CORPORA = ("fineweb", "skwiki", "definitions", "ontology")
RECIPE = """\
name = "texts"
nsamples = 512
seqlen = 2048
[groups]
all = 1.0
[sources.texts]
group = "all"
type = "jsonl"
where = "texts.jsonl"
[sources.texts.hygiene]
filters = ["length", "words", "symbols", "bullets", "repetition"]
"""


@dataclass(frozen=True)
class Peer:
    """Another library that does this.

    Attributes:
        name: As it is told.
        requirements: What pip installs.
        script: A module of this folder.
    """

    name: str
    requirements: tuple[str, ...]
    script: str

    def install(self, folder: Path) -> Path | str:
        """Return the Python of an environment with this library, or why there is none."""
        python = folder / self.script / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
            pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            installed = subprocess.run(
                [*pip, *self.requirements], capture_output=True, text=True, check=False
            )
            if installed.returncode:
                shutil.rmtree(python.parents[1])
                return (installed.stderr.strip().splitlines() or ["pip fails"])[-1]
        return python

    def run(self, python: Path, folder: Path, kept: dict[str, int]) -> tuple[Ran, Cost]:
        """Let it filter the texts of a folder, and count what it keeps."""
        out = folder / self.script
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        script = Path(__file__).resolve().with_name(f"{self.script}_script.py")
        env = {**os.environ, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "HOME": str(folder)}
        env.pop("PYTHONPATH", None)
        ran, cost = run_measured(script, folder / "texts.jsonl", out, env=env, python=python, cwd=folder)
        files = (out / "kept").rglob("*.jsonl")
        kept[self.name] = sum(len(file.read_bytes().splitlines()) for file in files)
        return ran, cost


PEERS = (
    # spaCy splits Slovak into words there.
    Peer("datatrove 0.10.1", ("datatrove[io,processing]==0.10.1", "spacy"), "datatrove"),
    # Its metadata names all but the last.
    Peer("Data-Juicer 1.6.1", ("py-data-juicer==1.6.1", "aiohttp"), "data_juicer"),
)


def main(environments: Path | None = None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = write_texts(folder)
        kept: dict[str, int] = {}
        ways: dict[str, Callable[[], tuple[Ran, Cost]]] = {"calibset": lambda: check(folder, kept)}
        for peer in PEERS:
            found = peer.install(environments) if environments else "no folder for its environment was named"
            if isinstance(found, str):
                print(f"{peer.name} is left out: {found}")
            else:
                ways[peer.name] = partial(peer.run, found, folder, kept)
        costs = best_of_rounds(ways, rounds=1, cold=True)
    for way, cost in costs.items():
        print(
            f"{way:<18} {cost.against(costs['calibset'])}, {kept[way]:,} of {count:,} texts kept",
            flush=True,
        )


def write_texts(folder: Path) -> int:
    """Write the texts of the flagship's corpora; return how many."""
    hub = Path(os.environ["CALIBSET_HUB"])
    corpora = read_corpora(hub)
    texts = [text for name in CORPORA for text in corpora[name]]
    texts += parquet(hub / "NeelNanda/pile-10k/data/*.parquet")
    with (folder / "texts.jsonl").open("w") as stream:
        stream.writelines(f"{json.dumps({'text': text, 'id': str(at)})}\n" for at, text in enumerate(texts))
    (folder / "recipe.toml").write_text(RECIPE)
    return len(texts)


def check(folder: Path, kept: dict[str, int]) -> tuple[Ran, Cost]:
    """Let calibset filter them and find near duplicates."""
    ran, cost = run_measured("-m", "calibset", "check", folder / "recipe.toml", "--json", "--quiet")
    if not ran.code:
        (source,) = ran.data
        kept["calibset"] = source["documents"]
    return ran, cost


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
