"""Which files of a dataset repository are read: those of one configuration and one split."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from calibset.core.errors import NotThereError, SourceError
from calibset.pipeline.drafting.inputs import DataInput
from calibset.sources.formats.dataset_card import CARD, DatasetConfig, choose_config, read_configs
from calibset.sources.formats.dataset_files import find_split_files
from calibset.storage import File
from calibset.storage.file_names import list_some
from calibset.storage.hub import HubReader

AskConfig = Callable[[str, Sequence[str], str], str]
"""Asks which configuration is meant: of a location, among these, and which one if there is no answer."""

_SPLIT = re.compile(r"(?<![A-Za-z0-9])(train|test|validation|valid|dev|eval)(?![A-Za-z0-9])")
_TRAINING = "train"
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenFiles:
    """The files of a repository that a recipe reads.

    Attributes:
        files: The files.
        splits: The splits that there are and are not read.
        notes: What the user should know, as sentences.
    """

    files: tuple[File, ...]
    splits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def choose_hub_files(
    data: DataInput, reader: HubReader, files: Sequence[File], ask: AskConfig | None
) -> ChosenFiles:
    """Return the files of the configuration and split that are read.

    Configurations are those of the repository's card. Of several the one that the address names is read, or
    the one that the user chooses, or else the default one.

    Args:
        data: The dataset that the user named.
        reader: Its reader.
        files: Its files, or those below the path that the user named.
        ask: Asks the user for a configuration; None if nobody can be asked.

    Raises:
        SourceError: There is no such configuration or split.
    """
    try:
        configs = () if data.path else _read_card(reader)
    except SourceError as error:
        return _choose_split(data, files, (f"{data.where}: {error}",))
    if not configs:
        if data.config:
            files = [file for file in files if data.config in re.split(r"[/._-]", file.name)]
            if not files:
                raise SourceError(
                    f"{data.where}: there is no configuration {data.config!r}: neither its card nor a file's "
                    "name has it"
                )
        return _choose_split(data, files, ())
    try:
        config = _choose_config(data, configs, ask)
        by_split = find_split_files([file.name for file in files if file.name != CARD], config)
    except ValueError as error:
        raise SourceError(f"{data.where}: {error}") from None
    others = [other.name for other in configs if other.name != config.name]
    notes = (
        (
            f"{data.where}: its configuration {config.name} is read, and not "
            f"{list_some(others, _MOST_NAMED)}; `calibset init "
            f"{data.where.replace('hf://', 'https://huggingface.co/')}/viewer/CONFIGURATION` reads another",
        )
        if others
        else ()
    )
    chosen = _require_split(data, by_split)
    left = tuple(sorted(split for split in by_split if split != chosen)) if chosen in by_split else ()
    names = {name for split, found in by_split.items() if split not in left for name in found}
    return ChosenFiles(files=tuple(file for file in files if file.name in names), splits=left, notes=notes)


def _read_card(reader: HubReader) -> tuple[DatasetConfig, ...]:
    try:
        (card,) = reader.files(CARD)
    except NotThereError:
        return ()
    return read_configs(card)


def _choose_config(data: DataInput, configs: Sequence[DatasetConfig], ask: AskConfig | None) -> DatasetConfig:
    if data.config:
        return choose_config(configs, data.config)
    default = next((config for config in configs if config.is_default), None)
    default = default or next(
        (config for config in configs if config.name == DatasetConfig().name), configs[0]
    )
    if ask is None or len(configs) == 1:
        return default
    return choose_config(configs, ask(data.where, [config.name for config in configs], default.name))


def _choose_split(data: DataInput, files: Sequence[File], notes: tuple[str, ...]) -> ChosenFiles:
    """Return the files of the split that is read by their names: train if none is named."""
    by_split: dict[str, list[File]] = {}
    for file in files:
        match = _SPLIT.search(file.name)
        by_split.setdefault(match[1] if match else "", []).append(file)
    chosen = _require_split(data, by_split)
    if chosen not in by_split:
        return ChosenFiles(files=tuple(files), notes=notes)
    others = tuple(sorted(split for split in by_split if split not in ("", chosen)))
    return ChosenFiles(files=(*by_split[chosen], *by_split.get("", [])), splits=others, notes=notes)


def _require_split(data: DataInput, by_split: Collection[str]) -> str:
    """Return the split that is read: the one that the address names, or train."""
    # Where no name tells of splits, the hub shows all files as train.
    if data.split in {"", _TRAINING} or data.split in by_split:
        return data.split or _TRAINING
    names = list_some(sorted(filter(None, by_split)) or [_TRAINING], _MOST_NAMED)
    raise SourceError(f"{data.where}: there is no split {data.split!r}; there are {names}")
