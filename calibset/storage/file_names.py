"""Which files of a location are meant by patterns: names first, and nothing that only programs look at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from calibset.core.errors import NotThereError

COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
"""The suffixes of the names of compressed files."""

# What Spark, Delta Lake, macOS and Office leave beside the files that they write.
_LEFT_BESIDE = re.compile(
    r"\.|~\$|__MACOSX$|_(?:temporary|SUCCESS|metadata|common_metadata|delta_log|(?:started|committed)_.*)$"
)
# What tells of a folder's rows and is none: written by `datasets`, Kaggle, Frictionless and npm.
_ABOUT_ROWS = frozenset(
    (
        "dataset_dict.json",
        "dataset_info.json",
        "dataset_infos.json",
        "state.json",
        "dataset-metadata.json",
        "datapackage.json",
        "croissant.json",
        "package.json",
        "package-lock.json",
    )
)
# A repository's card, of which a copy lies in the folder that it is downloaded to.
_CARD = "README.md"
_TRAINING = "train"
_OTHER_SPLITS = ("validation", "valid", "val", "dev", "eval", "test")
_SUFFIXES = re.compile(r"(?:\.[A-Za-z0-9]{1,10}){1,2}$")


def match_names(names: Sequence[str], patterns: Sequence[str], location: str) -> list[str]:
    """Return the sorted names that match any shell-style pattern; ``*`` matches slashes too.

    A pattern that is a file's name means that file only. Suffixes match in capitals too. Hidden files, a
    repository's card and the metadata that programs leave beside data match only by their names.

    Raises:
        NotThereError: Nothing matches.
    """
    known = set(names)
    matches = {pattern for pattern in patterns if pattern in known}
    wild = [pattern for pattern in patterns if pattern not in known]
    matches.update(
        name for name in names if _may_be_data(name) and any(_matches(name, pattern) for pattern in wild)
    )
    if not matches:
        raise NotThereError(
            f"{location}: no file matches {', '.join(patterns)}; "
            f"it holds {list_some(sorted(names))}: name the right ones with files = [...]"
        )
    return sorted(matches)


def has_word(name: str, word: str) -> bool:
    """Return whether a word stands in a name by itself: between slashes, dots, dashes and underscores.

    Examples:
        >>> [has_word(name, "test") for name in ("data/test-0.jsonl", "test/0.jsonl", "latest-0.jsonl")]
        [True, True, False]
    """
    return re.search(rf"(?<![^/._-]){re.escape(word)}(?![^/._-])", name) is not None


def is_in_config(name: str, config: str) -> bool:
    """Return whether a file is in a folder of a name, or its own name begins with it as a word.

    Examples:
        >>> [is_in_config(name, "en") for name in ("en/a.csv", "data/en-0.csv", "green/a.csv", "a/b-en.csv")]
        [True, True, False, False]
    """
    folder, _, base = name.rpartition("/")
    starts = re.match(rf"{re.escape(config)}(?![^._-])", base) is not None
    return starts or f"/{config}/" in f"/{folder}/"


def find_splits(names: Iterable[str]) -> tuple[str, ...]:
    """Return the usual splits that names of files speak of.

    Examples:
        >>> find_splits(["data/test-0.csv", "data/train-0.csv", "more.csv"])
        ('train', 'test')
    """
    names = list(names)
    return tuple(word for word in (_TRAINING, *_OTHER_SPLITS) if any(has_word(name, word) for name in names))


def keep_training_files(names: Sequence[str]) -> list[str]:
    """Return the files of the training split, and those of none, if there are several splits.

    Examples:
        >>> keep_training_files(["data/train-0.csv", "data/test-0.csv", "more.csv"])
        ['data/train-0.csv', 'more.csv']
        >>> keep_training_files(["test-report.txt", "offer.txt"])
        ['test-report.txt', 'offer.txt']
    """
    if not any(has_word(name, _TRAINING) for name in names):
        return list(names)
    return [
        name
        for name in names
        if has_word(name, _TRAINING) or not any(has_word(name, split) for split in _OTHER_SPLITS)
    ]


def list_some(names: Iterable[str], most: int = 5) -> str:
    """Return some of the names as a list for a message."""
    names = list(names)
    if not names:
        return "nothing"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def lower_suffixes(name: str) -> str:
    """Return a name with its suffixes in small letters.

    Examples:
        >>> lower_suffixes("Rows/A.JSONL.GZ")
        'Rows/A.jsonl.gz'
    """
    return _SUFFIXES.sub(lambda match: match[0].lower(), name)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(lower_suffixes(name), pattern)


def _may_be_data(name: str) -> bool:
    parts = name.split("/")
    return name != _CARD and parts[-1] not in _ABOUT_ROWS and not any(map(_LEFT_BESIDE.match, parts))
