"""What the card of a dataset says of its files: its configurations, and which files are of which split."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.storage.files import File

CARD = "README.md"
"""The name of a dataset's card."""

# Bytes of front matter that are read, and values that it may hold: the hub's largest datasets have two
# thousand configurations, and one of two splits takes 125 bytes and ten values.
_LONGEST = 2 * 2**20
_MOST_VALUES = 500_000
_TRAINING = "train"
# A scheme, a chain of file systems, a drive, or the beginning of an absolute path.
_LEADS_OUT = re.compile(r"[/\\]|~|[A-Za-z]:|.*(?:://|::|\\)", re.DOTALL)


class _CardError(ValueError):
    """What is wrong with a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """A configuration of a dataset.

    Attributes:
        name: Its name.
        patterns: Glob patterns of the files of each split, relative to the location; none if the names of the
            files in its folder tell their splits.
        folder: The folder that it is in, relative to the location; empty if it is the whole.
        options: How its files are written, by the names that `datasets` has for it.
        is_default: Whether it is read if none is named.
    """

    name: str = "default"
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    is_default: bool = False


def read_configs(card: File) -> tuple[DatasetConfig, ...]:
    """Return the configurations that a card names in its front matter; none if it names none.

    Nothing in it leads to a file: patterns that would lead out of the location are an error, and the others
    only choose among the names of files that the location lists.

    Raises:
        SourceError: The front matter can't be read, or names what is outside the location.
    """
    try:
        return tuple(map(_parse_config, _list_configs(_read_front_matter(card))))
    except _CardError as error:
        raise SourceError(f"{card.name}: {error}; name the files with files = [...]") from None


def choose_config(configs: Sequence[DatasetConfig], name: str | None) -> DatasetConfig:
    """Return the configuration of a name, or the one that is read if none is named.

    Raises:
        ValueError: There is none of the name, or none is named and there are several.
    """
    if not configs:
        if name in (None, DatasetConfig().name):
            return DatasetConfig()
        raise ValueError(f"there is no configuration {name!r}: its card names none")
    if name is None:
        default = [config for config in configs if config.is_default or config.name == DatasetConfig().name]
        if len(configs) == 1 or default:
            return (default or configs)[0]
    for config in configs:
        if config.name == name:
            return config
    names = excerpt(", ".join(config.name for config in configs))
    asked = "several configurations" if name is None else f"no configuration {name!r}"
    raise ValueError(f"there {'are' if name is None else 'is'} {asked}: name one with config = … ({names})")


def _read_front_matter(card: File) -> Mapping[str, Any]:
    import yaml

    with card.open_bytes() as stream:
        content = stream.read(_LONGEST)
    found = re.match(rb"\s*---[ \t]*\r?\n(.*?)(?:^|\n)---[ \t]*(?:\r?\n|$)", content, re.DOTALL)
    if not found:
        return {}
    try:
        # Never the loader that makes objects of other kinds.
        value = yaml.load(found[1].decode(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _CardError(f"its front matter can't be read ({excerpt(reason)})") from None
    if not isinstance(value, dict):
        return {}
    for count, _ in enumerate(_walk(value)):
        if count > _MOST_VALUES:  # references to references make a small text a large value
            raise _CardError(f"its front matter holds more than {_MOST_VALUES:,} values")
    return value


def _list_configs(front_matter: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = front_matter.get("configs") or []
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise _CardError("configs is no list of tables")
    return listed


def _walk(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _parse_config(entry: Mapping[str, Any]) -> DatasetConfig:
    known = {"config_name", "data_files", "data_dir", "default"}
    name = entry.get("config_name")
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise _CardError("a configuration has no name")
    folder = _join("", entry.get("data_dir") or ".")
    patterns = _parse_patterns(entry.get("data_files"))
    return DatasetConfig(
        name=str(name),
        patterns={
            split: tuple(_join(folder, pattern) for pattern in listed) for split, listed in patterns.items()
        },
        folder=folder,
        options={str(key): value for key, value in entry.items() if key not in known},
        is_default=entry.get("default") is True,
    )


def _parse_patterns(data_files: Any) -> dict[str, list[Any]]:
    """Return the patterns of each split, in any of the forms that a card may have them in."""
    if data_files is None:
        return {}
    listed = data_files if isinstance(data_files, list) else [data_files]
    if not any(isinstance(item, dict) for item in listed):
        return {_TRAINING: listed}
    patterns: dict[str, list[Any]] = {}
    for item in listed:
        if not isinstance(item, dict) or item.keys() != {"split", "path"}:
            raise _CardError("data_files has an entry without split and path")
        path = item["path"]
        patterns.setdefault(str(item["split"]), []).extend(path if isinstance(path, list) else [path])
    return patterns


def _join(folder: str, pattern: Any) -> str:
    """Return a pattern below a folder, without steps up and down.

    Raises:
        _CardError: It would lead out of the location.
    """
    if not isinstance(pattern, str):
        raise _CardError("data_files has a name that is no text")
    joined = posixpath.normpath(posixpath.join(folder, pattern))
    if any(map(_LEADS_OUT.match, (pattern, joined))) or joined.split("/")[0] == "..":
        raise _CardError(f"it names {excerpt(pattern)!r}, which is outside the location and is not read")
    return "" if joined == "." else joined
