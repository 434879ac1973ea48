"""The files of a dataset's splits, chosen among the names in its location as `datasets` chooses them."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from calibset.sources.formats.dataset_card import DatasetConfig

FileKind = Literal["parquet", "arrow", "json", "csv", "text"]
"""The kinds of files that are read as a dataset's rows."""

# In the order in which they are preferred where there are as many files of one as of another.
_KINDS: dict[str, FileKind] = {
    "parquet": "parquet",
    "geoparquet": "parquet",
    "gpq": "parquet",
    "arrow": "arrow",
    "jsonl": "json",
    "json": "json",
    "ndjson": "json",
    "csv": "csv",
    "tsv": "csv",
    "txt": "text",
}
ARCHIVE = "zip"
"""The suffix of archives, whose members are read as files."""

# Data that `datasets` reads and that are no texts: where they are most of a dataset, the rest is none of it.
_NOT_READ = frozenset(
    (
        "tar",
        "xml",
        "conll",
        "conllu",
        "hdf5",
        "h5",
        "eval",
        "lance",
        "tsfile",
        "vortex",
        "fa",
        "fasta",
        "fna",
        "gb",
        "fq",
        "fastq",
        "pdb",
        "cif",
        "mmcif",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "webp",
        "bmp",
        "tif",
        "tiff",
        "wav",
        "mp3",
        "flac",
        "ogg",
        "opus",
        "mp4",
        "mkv",
        "avi",
        "webm",
        "pdf",
        "nii",
    )
)
_WILD = re.compile(r"[*?\[\]]")
# Names that are compared with patterns: of a repository of 100,000 files, that of each pattern's beginning.
_MOST_TRIED = 2_000_000
_ABOUT_ROWS = frozenset(("README.md", "config.json"))

_SHARDED = "data/*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*"
_SHARD_LENGTH = len("-00000-of-00000")
_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_BETWEEN = "[-._ 0-9]"
_IN_FOLDERS = (
    "**/{word}/**",
    f"**/{{word}}{_BETWEEN}*/**",
    f"**/*{_BETWEEN}{{word}}/**",
    f"**/*{_BETWEEN}{{word}}{_BETWEEN}*/**",
)
_IN_NAMES = (f"**/{{word}}{_BETWEEN}*", f"**/*{_BETWEEN}{{word}}{_BETWEEN}*")


def find_split_files(names: Sequence[str], config: DatasetConfig) -> dict[str, list[str]]:
    """Return the names of the files of each split, in the order in which they are read.

    Without patterns the first of these tells the splits: names as ``data/SPLIT-00000-of-00001.parquet``, the
    names of folders, the names of files; else all files are of the split ``train``.
    """
    if config.patterns:
        return {split: _match_all(names, patterns) for split, patterns in config.patterns.items()}
    below = f"{config.folder}/" if config.folder else ""
    inner = [name.removeprefix(below) for name in names if name.startswith(below)]
    splits = _find_sharded(inner) or _find_by_words(inner, _IN_FOLDERS) or _find_by_words(inner, _IN_NAMES)
    splits = splits or {"train": _match_all(inner, ("**",))}
    return {split: [below + name for name in found] for split, found in splits.items() if found}


def find_kind(names: Iterable[str]) -> str | None:
    """Return the suffix that tells of what kind most of some files are; None if there is none that does."""
    preferred = list(_KINDS)
    counts = Counter(suffix for name in names for suffix in _list_suffixes(name))
    known = filter(_is_known, counts)

    def rank(suffix: str) -> tuple[int, int, str]:
        return counts[suffix], -preferred.index(suffix) if suffix in _KINDS else -len(preferred), suffix

    return max(known, key=rank, default=None)


def get_kind(suffix: str) -> FileKind | None:
    """Return the kind of files with a suffix; None if they are not read."""
    return _KINDS.get(suffix)


def keep_kind(names: Iterable[str], suffix: str) -> list[str]:
    """Return those of the files that are of a suffix's kind."""
    kind = _KINDS.get(suffix)
    return [
        name
        for name in names
        if any(other == suffix or (kind and _KINDS.get(other) == kind) for other in _list_suffixes(name))
    ]


def list_kinds() -> str:
    """Return the suffixes that are read, for a message."""
    return ", ".join(f".{suffix}" for suffix in (*_KINDS, ARCHIVE))


def matches_glob(name: str, pattern: str) -> bool:
    """Return whether a name matches a pattern whose ``*`` stays in one folder, and ``**`` is any folders.

    The time is bounded by the product of their lengths, whatever a stranger's pattern looks like.

    Examples:
        >>> [matches_glob("data/en/a.csv", p) for p in ("data/*/*.csv", "data/*", "**/a.*", "data/**")]
        [True, False, True, True]
    """
    parts = name.split("/")
    wanted = pattern.split("/")
    # Whether the parts up to each are matched by the pattern so far.
    reached = [True] + [False] * len(parts)
    for number, part in enumerate(wanted):
        if True not in reached:
            return False
        if part == "**":
            first = reached.index(True)
            # At the end of a pattern it stands for at least one name.
            first += number == len(wanted) - 1
            reached = [index >= first for index in range(len(reached))]
        else:
            reached = [
                False,
                *(before and fnmatchcase(parts[i], part) for i, before in enumerate(reached[:-1])),
            ]
    return reached[-1]


def _find_sharded(names: Sequence[str]) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {}
    for name in _match_all(names, (_SHARDED,)):
        base = name.rpartition("/")[2]
        for end in range(len(base) - _SHARD_LENGTH, 0, -1):
            if fnmatchcase(f"data/{base[end:]}", _SHARDED.replace("*", "", 1)):
                splits.setdefault(base[:end], []).append(name)
                break
    return splits


def _find_by_words(names: Sequence[str], forms: Sequence[str]) -> dict[str, list[str]]:
    splits = {}
    for split, words in _WORDS.items():
        found: dict[str, None] = {}
        for word in words:
            spoken = [name for name in names if word in name]  # of many thousands of names, few
            found.update(dict.fromkeys(_match_all(spoken, [form.format(word=word) for form in forms])))
        if found:
            splits[split] = list(found)
    return splits


def _match_all(names: Sequence[str], patterns: Iterable[str]) -> list[str]:
    """Return the names that match patterns, each once, in the order of the patterns and then sorted.

    Raises:
        ValueError: So many patterns of so many names would take minutes.
    """
    ordered = sorted(names)
    found: dict[str, None] = {}
    tried = 0
    for pattern in patterns:
        beginning = _WILD.split(pattern, maxsplit=1)[0]
        ending = _WILD.split(pattern)[-1].rpartition("/")[2]
        first, last = (bisect_left(ordered, beginning + end) for end in ("", chr(sys.maxunicode)))
        tried += last - first
        if tried > _MOST_TRIED:
            raise ValueError(
                f"its patterns and names are too many ({_MOST_TRIED:,} to compare); "
                "name the files with files = [...]"
            )
        near = (name for name in ordered[first:last] if name.endswith(ending))  # of many thousands, few
        found.update(dict.fromkeys(name for name in near if _is_meant(name, pattern)))
    return list(found)


def _is_meant(name: str, pattern: str) -> bool:
    base = name.rpartition("/")[2]
    if base in _ABOUT_ROWS and base != pattern.rpartition("/")[2]:
        return False
    # Folders such as __pycache__ are meant by patterns that spell them only.
    if _count_special(name) != _count_special(pattern):
        return False
    return any(map(_is_known, _list_suffixes(name))) and matches_glob(name, pattern)


def _is_known(suffix: str) -> bool:
    return suffix in _KINDS or suffix in _NOT_READ or suffix == ARCHIVE


def _count_special(name: str) -> int:
    return sum(part.startswith("__") for part in name.split("/")[:-1])


def _list_suffixes(name: str) -> Iterator[str]:
    return (suffix.lower() for suffix in name.rpartition("/")[2].split(".")[1:])
