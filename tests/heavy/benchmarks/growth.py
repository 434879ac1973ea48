"""Corpora that grow from one shard to a hundred, sources and candidates that do, and what a build takes.

Texts are made of words that look Slovak, so that a token has as many characters as there.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pyarrow as pa
import pyarrow.parquet as pq

from tests.heavy.hub import Hub
from tests.heavy.measured_process import Cost

NSAMPLES, SEQLEN = 100, 2048

# What pyarrow reads of a file at first, from its end.
_TAIL = 2**16
_ROW_GROUPS, _ROWS = 64, 60
_DISTINCT = 10
# More than what is read whole, so that the file of one part is sampled as those of ten and a hundred are.
_LINES = 40_000_000
# Files that are read whole, and as many bytes of them as a source loads at most.
_FILES, _FILE = 16, 4_000_000

# The beginnings, middles and ends of words.
_SYLLABLES = (
    "po pre vy za na roz ne od do u pri sk str st v k m d z ž č š",
    "ist len zd mluv chov stav hrad pláv rok vod ved krás boj mest sved slov prav nád",
    "a ia ie ou ého ému ých ami ov enie ania ovať nosť ina ka ok ný ná né om e y i",
)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus of a size.

    Attributes:
        root: What a stand-in serves.
        parts: Shards, or lengths of the smallest file.
        source: The type and its settings, as a recipe has them.
    """

    root: Path
    parts: int
    source: str

    def recipe(self, folder: Path) -> Path:
        """Write a recipe that reads this corpus alone."""
        path = folder / "grown.toml"
        path.write_text(
            f'name = "grown"\nnsamples = {NSAMPLES}\nseqlen = {SEQLEN}\ngroups.all = 1.0\n'
            f'[sources.grown]\ngroup = "all"\nwhere = "hf://datasets/grown/corpus"\n{self.source}\n'
        )
        return path


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a build took of a corpus.

    Attributes:
        data: Bytes that the hub sent, without those that opening footers takes.
        footers: Bytes that opening the footers of the files that were touched takes.
        files: How many were touched.
        processor: Seconds of processor time, the least of the rounds.
        peak: Memory at its peak in any round, in bytes.
        rows: In the calibration file.
    """

    data: int
    footers: int
    files: int
    processor: float
    peak: int
    rows: int


def grown_parquet(folder: Path, sizes: tuple[int, ...]) -> Iterator[Corpus]:
    """Yield corpora of so many shards of 64 row groups; of each ten shards the contents differ."""
    made = [_shard(folder / f"{number}.parquet", number) for number in range(min(_DISTINCT, max(sizes)))]
    for parts in sizes:
        data = _repository(folder / f"parquet-{parts}") / "data"
        data.mkdir()
        for number in range(parts):
            shard = data / f"train-{number:05d}-of-{parts:05d}.parquet"
            shard.hardlink_to(made[number % _DISTINCT])
        yield Corpus(root=folder / f"parquet-{parts}", parts=parts, source='type = "fineweb2"')


def grown_lines(folder: Path, sizes: tuple[int, ...]) -> Iterator[Corpus]:
    """Yield corpora of one JSON Lines file of so many times 40 MB; each is gone before the next."""
    part = b"".join(_lines(_LINES))
    for parts in sizes:
        root = folder / f"lines-{parts}"
        with (_repository(root) / "corpus.jsonl").open("wb") as stream:
            for _ in range(parts):
                stream.write(part)
        try:
            yield Corpus(root=root, parts=parts, source='type = "jsonl"')
        finally:
            shutil.rmtree(root)


def grown_sources(folder: Path, sizes: tuple[int, ...]) -> Iterator[tuple[int, Path]]:
    """Yield recipes of 500 rows from so many sources of one shard each; of ten the contents differ."""
    for count in sizes:
        yield count, _local_recipe(folder / f"sources-{count}", 500, count)


def grown_pools(folder: Path, sizes: tuple[int, ...]) -> Iterator[tuple[int, Path]]:
    """Yield recipes of 64 rows that are chosen from so many times as many, of ten sources."""
    for pool in sizes:
        chosen = f'[selection]\nmethod = "coverage"\npool = {pool}\n' if pool > 1 else ""
        yield pool, _local_recipe(folder / f"pool-{pool}", 64, _DISTINCT, chosen)


def grown_corpora(
    folder: Path, sizes: tuple[int, ...], nsamples: int = 32, times: int = 8
) -> Iterator[tuple[int, Path]]:
    """Yield recipes of one source of so many shards, each as large as so many of the others' shards."""
    shard = _shard(folder / "large.parquet", 0, times=times)
    for count in sizes:
        own = folder / f"corpus-{count}-{nsamples}"
        (own / "corpus").mkdir(parents=True)
        for number in range(count):
            (own / "corpus" / f"{number}.parquet").hardlink_to(shard)
        source = '[sources.grown]\ngroup = "all"\ntype = "parquet"\nwhere = "corpus"\n'
        yield count, _write(own, [*_head(nsamples), source])


def grown_evaluations(folder: Path, sizes: tuple[int, ...]) -> Iterator[tuple[int, Path]]:
    """Yield recipes of 64 rows that may hold nothing of an evaluation set of so many megabytes."""
    for size in sizes:
        own = folder / f"evaluation-{size}"
        recipe = _local_recipe(
            own, 64, 1, '[[exclude]]\nname = "quiz"\ntype = "jsonl"\nwhere = "quiz.jsonl"\n'
        )
        with (own / "quiz.jsonl").open("wb") as stream:
            stream.writelines(_lines(size * 1_000_000))
        yield size, recipe


def grown_small_files(folder: Path, sizes: tuple[int, ...]) -> Iterator[tuple[int, Path]]:
    """Yield recipes of 500 rows from so many sources, each of them 64 MB in files that are read whole."""
    for count in sizes:
        own = folder / f"files-{count}"
        own.mkdir()
        lines = _head(500)
        for number in range(count):
            (own / str(number)).mkdir()
            for part in range(_FILES):
                made = folder / f"{part}.json"
                if not made.exists():
                    made.write_bytes(b"[" + b",".join(_lines(_FILE, f"file {part}")) + b"]")
                (own / str(number) / f"{number}-{part}.json").hardlink_to(made)
            lines.append(f'[sources.s{number}]\ngroup = "all"\ntype = "jsonl"\nwhere = "{number}"\n')
        yield count, _write(own, lines)


def measured(recipe: Path) -> tuple[int, Cost]:
    """Build from files of this machine; return the bytes read, and what it took."""
    out = recipe.with_suffix(".jsonl")
    ran, cost = Hub("http://127.0.0.1:9", recipe.parent).measured("build", recipe, "--out", out, "--json")
    if ran.code:
        raise RuntimeError(ran.err)
    return sum(ran.data["bytes_read"].values()), cost


def _local_recipe(folder: Path, nsamples: int, sources: int, further: str = "") -> Path:
    folder.mkdir()
    lines = _head(nsamples, further)
    for number in range(sources):
        shard = folder.parent / f"{number % _DISTINCT}.parquet"
        if not shard.exists():
            _shard(shard, number)
        (folder / f"{number}.parquet").hardlink_to(shard)
        lines.append(f'[sources.s{number}]\ngroup = "all"\ntype = "parquet"\nwhere = "{number}.parquet"\n')
    return _write(folder, lines)


def _head(nsamples: int, further: str = "") -> list[str]:
    # The same shard is there several times, which must not end in looking for what is new in it.
    first = f'name = "grown"\nnsamples = {nsamples}\nseqlen = {SEQLEN}\nhygiene.duplicates = "keep"'
    return [first, f"groups.all = 1.0\n{further}"]


def _write(folder: Path, lines: list[str]) -> Path:
    path = folder / "grown.toml"
    path.write_text("\n".join(lines))
    return path


def taken(corpus: Corpus, standin: str, folder: Path, *, rounds: int = 1) -> Taken:
    """Build from a corpus, each time with a cold cache, and say what it took."""
    out, home = folder / "grown.jsonl", folder / "home"
    words = ("build", corpus.recipe(folder), "--out", out, "--quiet")
    costs = []
    with _served(corpus.root, standin, home) as hub:
        for _ in range(rounds):
            ran, cost = hub.measured(*words)
            if ran.code:
                raise RuntimeError(ran.err)
            costs.append(cost)
            stats = hub.stats(reset=True)
            shutil.rmtree(home)
    touched = [corpus.root / name for name in stats["bytes_by_file"]]
    footers = sum(footer_bytes(file) for file in touched if file.suffix == ".parquet")
    return Taken(
        data=stats["data_bytes_sent"] - footers,
        footers=footers,
        files=len(touched),
        processor=min(cost.processor for cost in costs),
        peak=max(cost.peak for cost in costs),
        rows=len(out.read_text("ascii").splitlines()),
    )


def footer_bytes(file: Path) -> int:
    """Return how many bytes it takes to know what a parquet file holds.

    pyarrow asks for the last 64 KiB, and then for the whole footer if that is longer. This is
    paid for each shard that is looked into, whichever rows are wanted of it, and says nothing of
    how much is read of the rows.
    """
    with file.open("rb") as stream:
        stream.seek(-8, io.SEEK_END)
        length = int.from_bytes(stream.read(4), "little")
    return min(file.stat().st_size, max(_TAIL, length + 8))


@contextmanager
def _served(root: Path, standin: str, home: Path) -> Iterator[Hub]:
    command = [sys.executable, standin, "--root", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            hub = Hub(process.stdout.readline().strip(), home)
            # It hashes each file when it is first asked for, which takes seconds and is no one's cost.
            with urlopen(f"{hub.address}/api/datasets/grown/corpus") as answer:
                answer.read()
            hub.stats(reset=True)
            yield hub
        finally:
            process.terminate()


def _repository(root: Path) -> Path:
    folder = root / "grown" / "corpus"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("Texts that look Slovak.\n")
    return folder


def _shard(path: Path, number: int, *, times: int = 1) -> Path:
    """Write a shard as those of FineWeb2 are, a column that nobody needs twice as long as the text.

    Args:
        path: Where to.
        number: Another one gives other texts.
        times: How many times it holds them.
    """
    rng = random.Random(f"shard {number}")
    words = _vocabulary(rng)
    count = _ROW_GROUPS * _ROWS
    texts = [_text(rng, words) for _ in range(count)]
    # No ids: those of ten shards in a hundred would be those of the first.
    table = pa.table(
        {
            "text": texts,
            "url": [f"https://{rng.choice(words)}.example/{rng.getrandbits(64):016x}" for _ in texts],
            "language_score": [rng.uniform(0.6, 1.0) for _ in texts],
            "raw_html": [rng.randbytes(len(text)).hex() for text in texts],
        }
    )
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(times):
            writer.write_table(table, row_group_size=_ROWS)
    return path


def _lines(size: int, seed: str = "lines") -> Iterator[bytes]:
    rng = random.Random(seed)
    words = _vocabulary(rng)
    while size > 0:
        row = {"text": _text(rng, words), "url": f"https://{rng.choice(words)}.example/"}
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
        size -= len(line)
        yield line


def _vocabulary(rng: random.Random) -> list[str]:
    syllables = [part.split() for part in _SYLLABLES]
    return ["".join(map(rng.choice, syllables)) for _ in range(5_000)]


def _text(rng: random.Random, words: list[str]) -> str:
    """Return a page: most are short, a few are long."""
    count = min(2_000, int(rng.lognormvariate(5.0, 0.8)) + 20)
    found = rng.choices(words, k=count)
    sentences = (" ".join(found[at : at + 12]).capitalize() + "." for at in range(0, count, 12))
    return " ".join(sentences)
