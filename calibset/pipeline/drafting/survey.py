"""A survey of what a user has named: files that are read alike become one source."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from glob import escape
from itertools import takewhile
from pathlib import Path
from typing import get_args

from calibset.core.errors import NotThereError, SourceError
from calibset.core.quantizer_names import QuantizerName
from calibset.pipeline.drafting.file_guess import FileGuess, Value, guess_file
from calibset.pipeline.drafting.file_kinds import Unread
from calibset.pipeline.drafting.hub_files import AskConfig, ChosenFiles, choose_hub_files
from calibset.pipeline.drafting.inputs import DataInput, ModelInput, parse_input
from calibset.storage import File, Reader, Storage
from calibset.storage.file_names import match_names
from calibset.storage.https import UrlReader
from calibset.storage.hub import HubReader
from calibset.storage.local import LocalReader

_TOKENIZERS = ("tokenizer.json", "tekken.json", "tokenizer.model", "vocab.json", "spiece.model")
_MODEL_FILES = re.compile(
    r"(tokenizer|tekken|vocab|merges|special_tokens|added_tokens|config|generation_config|preprocessor|"
    r"chat_template|model|spiece|sentencepiece|params|consolidated).*"
)
# Files that are opened; of more, those of the same folder and kind are taken to be like the ones before them.
_MOST_LOCAL, _MOST_REMOTE = 2_000, 32
_WORDS = {"jsonl": "rows", "csv": "rows", "parquet": "rows", "text": "texts", "chat": "chats"}
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGuess:
    """Files of one location that are read alike.

    Attributes:
        name: The source's name in the recipe.
        input: The data that the user named.
        type: The adapter.
        keys: The adapter's keys that differ from their defaults.
        files: The names of the files that are read.
        patterns: What the recipe names them by; empty if the location is a single file.
        splits: The splits that there are and are not read.
        is_certain: Whether the columns leave no doubt.
        candidates: The columns that could be meant.
        assumes_utf8: Whether no letter that was seen tells the encoding of a file.
        left_columns: The columns that are not read.
        left_sheets: The sheets of workbooks that are not read.
    """

    name: str
    input: DataInput
    type: str
    keys: Mapping[str, Value]
    files: tuple[str, ...]
    patterns: tuple[str, ...]
    splits: tuple[str, ...] = ()
    is_certain: bool = True
    candidates: tuple[str, ...] = ()
    assumes_utf8: bool = False
    left_columns: tuple[str, ...] = ()
    left_sheets: tuple[str, ...] = ()

    def with_column(self, column: str) -> SourceGuess:
        """Return the guess with the column that holds the text."""
        before = tuple(map(str, self.keys.get("columns", ())))
        left = tuple(name for name in (*before, *self.left_columns) if name != column)
        return replace(self, keys={**self.keys, "columns": (column,)}, is_certain=True, left_columns=left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found in what a user has named.

    Attributes:
        sources: The sources that can be made of it.
        tokenizers: The models' folders in it, as a recipe spells them.
        unread: The files that no source reads, by the input that holds them.
        notes: What the user should know, as sentences.
    """

    sources: tuple[SourceGuess, ...]
    tokenizers: tuple[str, ...]
    unread: tuple[Unread, ...]
    notes: tuple[str, ...] = ()


def survey(
    inputs: Sequence[str], storage: Storage, output: Path | None = None, ask: AskConfig | None = None
) -> Survey:
    """Look at what a user has named.

    Args:
        inputs: Folders, files, datasets of the hub, addresses.
        storage: Opens them; its recipe folder is that of the recipe to be written.
        output: The file that will be built, which no pattern may match.
        ask: Asks for one of several configurations of a dataset; without it the default one is taken.

    Raises:
        RecipeError: Something is named that is no location.
        SourceError: Something can't be found or read.
    """
    sources: list[SourceGuess] = []
    tokenizers: list[str] = []
    unread: list[Unread] = []
    notes: list[str] = []
    for text in dict.fromkeys(inputs):
        parsed = parse_input(text, storage.recipe_folder)
        if isinstance(parsed, ModelInput):
            tokenizers.append(parsed.tokenizer)
            continue
        reader = storage.open_reader((parsed.where,), parsed.revision)
        listed, broken = _list_files(reader)
        unread += broken
        files = [file for file in listed if _is_inside(file.name, parsed.path)]
        if not files:
            raise SourceError(f"{text}: {parsed.path or 'it'} holds no file")
        folders = _find_model_folders(files) if isinstance(reader, LocalReader) else {}
        tokenizers += [_join(parsed.where, folder) for folder in folders]
        files = [file for file in files if not _is_of_model(file.name, folders)]
        built = _find_built(files)
        unread += [Unread(file.name, "was written by calibset") for file in files if file.name in built]
        files = [file for file in files if file.name not in built]
        others = (*built, *_locate(output, reader), *(link.name for link in broken))
        all_names = (*(file.name for file in files), *others)
        chosen = ChosenFiles(files=tuple(files))
        if isinstance(reader, HubReader):
            chosen = choose_hub_files(parsed, reader, files, ask)
            notes += chosen.notes
        found, left = _group(parsed, reader, chosen, all_names, notes)
        sources += found
        unread += left
    return Survey(
        sources=_name_apart(sources),
        tokenizers=tuple(dict.fromkeys(tokenizers)),
        unread=tuple(unread),
        notes=tuple(notes),
    )


def slug(text: str) -> str:
    """Return a text as a name in a recipe: letters, digits and dashes.

    Examples:
        >>> slug("Verträge & Anhänge 2024.csv")
        'Vertrage-Anhange-2024.csv'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._]+", "-", plain).strip("-._") or "data"


def _list_files(reader: Reader) -> tuple[tuple[File, ...], list[Unread]]:
    """Return the files of a location, and the links in it that lead out of it or nowhere."""
    try:
        return reader.files("*"), []
    except SourceError:
        if not isinstance(reader, LocalReader) or not reader.path.is_dir():
            raise
    names: list[str] = []
    with suppress(SourceError):
        reader.files("*", choose=lambda found: names.extend(found) or [])  # type: ignore[func-returns-value]
    links = [
        name for name in names if (reader.path / name).is_symlink() or not (reader.path / name).is_file()
    ]
    good = [name for name in names if name not in set(links)]
    files = reader.files("*", choose=lambda _: good)
    return files, [Unread(name, "a symbolic link that is not followed") for name in links]


def _find_built(files: Iterable[File]) -> tuple[str, ...]:
    """Return the calibration files, which have a manifest beside them, and what was exported from them."""
    names = [file.name for file in files]
    stems = [name.removesuffix("manifest.json") for name in names if name.endswith(".manifest.json")]
    written = tuple(f"{stem}{ending}" for stem in stems for ending in ("jsonl", *get_args(QuantizerName)))
    return tuple(
        name for name in names if name in written or name.startswith(tuple(f"{one}." for one in written))
    )


def _locate(output: Path | None, reader: Reader) -> tuple[str, ...]:
    """Return the name that a file will have among those of a folder, if it will be in it."""
    if output is None or not isinstance(reader, LocalReader):
        return ()
    path, folder = output.absolute(), reader.path.absolute()
    return (path.relative_to(folder).as_posix(),) if path.is_relative_to(folder) else ()


def _is_inside(name: str, path: str) -> bool:
    return not path or name == path or name.startswith(f"{path.rstrip('/')}/")


def _join(where: str, folder: str) -> str:
    return (Path(where) / folder).as_posix() if folder else where


def _find_model_folders(files: Iterable[File]) -> dict[str, None]:
    """Return the folders that hold a model's tokenizer."""
    return dict.fromkeys(
        name.rpartition("/")[0]
        for name in sorted(file.name for file in files)
        if name.rpartition("/")[2] in _TOKENIZERS
    )


def _is_of_model(name: str, folders: Mapping[str, None]) -> bool:
    folder, _, base = name.rpartition("/")
    # Beside a model in the folder that was named there may be data.
    if "" in folders and not folder and _MODEL_FILES.match(base):
        return True
    return any(model and f"{folder}/".startswith(f"{model}/") for model in folders)


def _group(
    data: DataInput, reader: Reader, chosen: ChosenFiles, all_names: Sequence[str], notes: list[str]
) -> tuple[list[SourceGuess], list[Unread]]:
    """Return a source for the files that are read alike, and the files that aren't read.

    Args:
        data: The data that the user named.
        reader: The reader of its location.
        chosen: The files to look at.
        all_names: Their names and those of further files, which no pattern may match.
        notes: Gets what the user should know.
    """
    unread: list[Unread] = []
    guesses: list[FileGuess] = []
    looked_at = _choose_files(chosen.files, is_local=isinstance(reader, LocalReader))
    if len(looked_at) < len(chosen.files):
        notes.append(
            f"{data.where}: {len(looked_at):,} of {len(chosen.files):,} files were looked at; the others are "
            "taken to be like those before them"
        )
    for file, alike in looked_at:
        guess = guess_file(file)
        if isinstance(guess, Unread):
            unread.append(guess)
            unread += [Unread(other.name, guess.reason) for other in alike]
        else:
            guesses += [guess, *(replace(guess, file=other) for other in alike)]
    is_single = isinstance(reader, UrlReader) or (isinstance(reader, LocalReader) and reader.path.is_file())
    groups: dict[tuple[str, str], list[FileGuess]] = {}
    for guess in guesses:
        groups.setdefault(guess.reading, []).append(guess)
    sources = []
    for group in groups.values():
        names = tuple(sorted(guess.file.name for guess in group))
        first = group[0]
        sources.append(
            SourceGuess(
                name=_name(data, first, names, is_only=len(groups) == 1),
                input=data,
                type=first.type,
                keys=first.keys,
                files=names,
                patterns=() if is_single else _find_patterns(names, all_names),
                splits=chosen.splits,
                is_certain=all(guess.is_certain for guess in group),
                candidates=first.candidates,
                assumes_utf8=any(guess.assumes_utf8 for guess in group),
                left_columns=tuple(dict.fromkeys(name for guess in group for name in guess.left_columns)),
                left_sheets=tuple(dict.fromkeys(name for guess in group for name in guess.left_sheets)),
            )
        )
    return sources, unread


def _choose_files(files: Sequence[File], *, is_local: bool) -> list[tuple[File, list[File]]]:
    """Return the files to look at, each with those that are taken to be like it: too many are there."""
    most = _MOST_LOCAL if is_local else _MOST_REMOTE
    # The finest way to tell kinds that leaves a file of each to look at.
    for tell in (_tell_series, _tell_kind)[is_local:]:
        kinds: dict[str, list[File]] = {}
        for file in files:
            kinds.setdefault(tell(file), []).append(file)
        if len(kinds) <= most:
            break
    else:
        kinds = {"": list(files)}
    share = max(1, most // max(1, len(kinds)))
    chosen = []
    for alike in kinds.values():
        count = min(share, len(alike))
        starts = [number * len(alike) // count for number in range(count)]
        for start, end in zip(starts, [*starts[1:], len(alike)], strict=True):
            chosen.append((alike[start], alike[start + 1 : end]))
    return chosen


def _tell_series(file: File) -> str:
    """Return what the names of files share that differ in their numbers only."""
    return _NUMBER.sub("0", file.name)


def _tell_kind(file: File) -> str:
    """Return a file's folder and ending."""
    return f"{file.name.rpartition('/')[0]}/.{file.stem.rpartition('.')[2]}"


def _find_patterns(names: Sequence[str], all_names: Sequence[str]) -> tuple[str, ...]:
    """Return patterns that match these names and none of the others, or else the names themselves."""
    others = [name for name in all_names if name not in set(names)]
    patterns: list[str] = []
    for ending in dict.fromkeys(map(_ending, names)):
        mine = [name for name in names if _ending(name) == ending]
        first, last = min(mine), max(mine)
        same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
        prefix = escape("".join(character for character, _ in same))
        pattern = next(
            (
                pattern
                for pattern in (f"*{ending}", f"{prefix}*{ending}")
                if not others or not _matches(others, pattern)
            ),
            None,
        )
        patterns += [pattern] if ending and pattern and len(mine) > 1 else mine
    return tuple(patterns)


def _matches(names: Sequence[str], pattern: str) -> bool:
    try:
        return bool(match_names(tuple(names), (pattern,), ""))
    except NotThereError:
        return False


def _ending(name: str) -> str:
    base = name.rpartition("/")[2]
    match = re.search(r"\.[A-Za-z0-9]+(\.(gz|bz2|xz|zst))?$", base)
    return match[0] if match and match.start() else ""


def _name(data: DataInput, guess: FileGuess, names: Sequence[str], *, is_only: bool) -> str:
    """Return a short name: the file's, or the folder's, or what is in them."""
    if len(names) == 1:
        return slug(names[0].rpartition("/")[2].partition(".")[0]).lower()
    if is_only:
        return slug(data.label).lower()
    folders = {name.rpartition("/")[0] for name in names}
    folder = folders.pop() if len(folders) == 1 else ""
    return slug(folder or _WORDS.get(guess.type, guess.type)).lower()


def _name_apart(sources: Sequence[SourceGuess]) -> tuple[SourceGuess, ...]:
    """Return the sources with names of their own: a second one of a name is numbered."""
    taken: set[str] = set()
    named = []
    for source in sources:
        base = source.name.replace(".", "-")
        candidates = [base, f"{base}-{source.type}", *(f"{base}-{number}" for number in range(2, 10_000))]
        name = next(name for name in candidates if name not in taken)
        taken.add(name)
        named.append(replace(source, name=name))
    return tuple(named)
