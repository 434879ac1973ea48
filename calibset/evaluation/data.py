"""The data that a model is measured on: a calibration file, WikiText-2, a text, or rows of JSON."""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibset.core.environment import DATA
from calibset.core.errors import CalibsetError, OutputError, RecipeError, SourceError
from calibset.dataset.calibration_file import CalibrationFile
from calibset.evaluation.measurement import Score
from calibset.storage import Cache, File, Storage

WIKITEXT = "wikitext-2"
"""What `--data` calls the test split of WikiText-2."""

_WIKITEXT_HUB = "hf://datasets/Salesforce/wikitext"
_WIKITEXT_FOLDER = "Salesforce/wikitext"
_WIKITEXT_FILES = "wikitext-2-raw-v1/test-*.parquet"
# What llama.cpp's users measure on: the file in the archive that its script get-wikitext-2.sh fetches.
_WIKI_TEST_RAW = "173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08"
_HEADING = re.compile(r"^ = (?!= )(.+) = \n", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_ROWS = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A text that is tokenized as a whole.

    Attributes:
        text: The text.
        starts: The offsets at which its documents begin, in order.
        documents: The names of these documents.
        source: The source that it comes from, if known.
        group: The source's group, if known.
    """

    text: str
    starts: tuple[int, ...]
    documents: tuple[str, ...]
    source: str | None = None
    group: str | None = None

    def document_at(self, offset: int) -> str:
        """Return the document that a character belongs to."""
        return self.documents[max(0, bisect_right(self.starts, offset) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """What a model is measured on.

    Attributes:
        name: Its name: ``wikitext-2`` or that of its file.
        sha256: The SHA-256 of its file; of WikiText-2, of the text.
        joined: How its texts are joined, in a sentence.
        passages: The texts.
        are_rows: Whether each passage is a row, which can be measured as a whole.
        parses_special: Whether control tokens that the texts spell are control tokens.
        recipe: The name of the recipe that built it.
        chat: The recipe's table ``[chat]``.
        tokenizer: The name of the tokenizer that it was built for.
        tokenizer_folder: The folder that this name may be relative to.
        tokenizer_sha256: The tokenizer's fingerprint.
        notes: What users should know of it.
    """

    name: str
    sha256: str
    joined: str
    passages: tuple[Passage, ...]
    are_rows: bool = False
    parses_special: bool = False
    recipe: str | None = None
    chat: Mapping[str, Any] | None = None
    tokenizer: str | None = None
    tokenizer_folder: Path | None = None
    tokenizer_sha256: str | None = None
    notes: tuple[str, ...] = ()


def open_measured_data(name: str, score: Score, *, offline: bool = False) -> DataSet:
    """Open what ``--data`` names, to have such tokens of it scored.

    Raises:
        CalibsetError: It can't be read, or has no rows that can be measured as a whole.
    """
    whole = score != "second-half"
    data = open_data(name, as_rows=whole, offline=offline)
    if whole and not data.are_rows:
        raise RecipeError(f"--score {score}: {data.name} has no rows; measure windows with --ctx")
    return data


def open_data(name: str, *, as_rows: bool = False, offline: bool = False) -> DataSet:
    """Open what `--data` names.

    Args:
        name: ``wikitext-2``, or the path of a calibration file or holdout, a text, or rows of JSON with a
            text each.
        as_rows: Whether rows are measured as a whole, so that they are not joined.
        offline: Whether no server may be asked.

    Raises:
        CalibsetError: There is no such file, or it can't be read.
    """
    if name == WIKITEXT:
        return _read_wikitext(offline=offline)
    path = Path(name)
    if not os.path.isfile(path):  # noqa: PTH113  (Path's raises where a folder may not be entered)
        kind = "is a folder; name a file" if os.path.isdir(path) else f"no such file, and not {WIKITEXT}"  # noqa: PTH112
        raise RecipeError(f"--data {name}: {kind}")
    if path.suffix in _ROWS:
        file = CalibrationFile.open(path, endings=None)
        return _read_rows(file) if file.manifest else _read_other_rows(file, as_rows=as_rows)
    if path.suffix == ".parquet":
        raise RecipeError(f"--data {name}: a parquet file is not read; calibration files are .jsonl")
    return _read_text(path)


def _read_rows(file: CalibrationFile) -> DataSet:
    """Return a calibration file's rows, with the sources, groups and documents that its manifest names."""
    manifest = file.require_manifest()
    groups = {source.name: source.group for source in manifest.sources}
    passages = []
    for text, sample in zip(file.texts, manifest.samples, strict=True):
        passages.append(
            Passage(
                text=text.rstrip(),
                starts=tuple(span.start for span in sample.documents),
                # Two sources may have documents of one name.
                documents=tuple(f"{sample.source}: {span.document}" for span in sample.documents)
                or (sample.source,),
                source=sample.source,
                group=groups[sample.source],
            )
        )
    chat = manifest.recipe.get("chat")
    return DataSet(
        name=file.path.name,
        sha256=manifest.sha256,
        joined="rows of a calibration file, each on its own",
        passages=tuple(passages),
        are_rows=True,
        parses_special=True,
        recipe=manifest.name,
        chat=chat if isinstance(chat, Mapping) else {},
        tokenizer=manifest.tokenizer.name,
        tokenizer_folder=file.path.parent,
        tokenizer_sha256=manifest.tokenizer.sha256,
    )


def _read_other_rows(file: CalibrationFile, *, as_rows: bool) -> DataSet:
    """Return the texts of a file without a manifest, each on its own or joined by blank lines."""
    names = [f"row {number}" for number in range(1, file.row_count + 1)]
    if as_rows:
        passages = [
            Passage(text=text.rstrip(), starts=(0,), documents=(name,))
            for text, name in zip(file.texts, names, strict=True)
        ]
        joined = "rows, each on its own; control tokens in them are parsed"
    else:
        passages = [_join(file.texts, names, "\n\n")]
        joined = "the texts of the rows, joined by a blank line; control tokens in them are read as letters"
    return DataSet(
        name=file.path.name,
        sha256=hashlib.sha256(_read_bytes(file.path)).hexdigest(),
        joined=joined,
        passages=tuple(passages),
        are_rows=as_rows,
        parses_special=as_rows,
    )


def _join(texts: Sequence[str], names: Sequence[str], glue: str) -> Passage:
    starts, at = [], 0
    for text in texts:
        starts.append(at)
        at += len(text) + len(glue)
    return Passage(text=glue.join(texts), starts=tuple(starts), documents=tuple(names))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path}: can't be read: {error.strerror or error}") from error


def _read_text(path: Path) -> DataSet:
    content = _read_bytes(path)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path}: is not UTF-8 text (byte {error.start:,}); --data takes text, rows of JSON, a "
            f"calibration file or {WIKITEXT}"
        ) from error
    # As llama.cpp reads a file: as it is, without one line end at its end.
    text = text.removesuffix("\n")
    starts = (0, *(match.end() for match in _BLANK_LINE.finditer(text)))
    return DataSet(
        name=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        joined="the file as it stands, without a line end at its end; control tokens are read as letters",
        passages=(Passage(text=text, starts=starts, documents=tuple(_number_lines(text, starts))),),
    )


def _number_lines(text: str, starts: Sequence[int]) -> Iterator[str]:
    line, at = 1, 0
    for start in starts:
        line += text.count("\n", at, start)
        at = start
        yield f"line {line}"


def _read_wikitext(*, offline: bool) -> DataSet:
    """Return the raw test split of WikiText-2 from the data folder, if it is there, or from the hub."""
    data = DATA.read()
    storage = Storage(
        recipe_folder=Path(),
        data_folder=Path(os.path.expanduser(data)) if data else None,  # noqa: PTH111  (Path's raises)
        cache=Cache.default(offline=offline),
    )
    hub = (_WIKITEXT_HUB,)
    try:
        reader = storage.open_reader((_WIKITEXT_FOLDER,), None, (hub,)) if data else storage.open_reader(hub)
        return join_wikitext([row for file in reader.files(_WIKITEXT_FILES) for row in _read_lines(file)])
    except CalibsetError as error:
        raise type(error)(f"--data {WIKITEXT}: {error}") from error


def _read_lines(file: File) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with file.open_random_access() as stream:
            rows = pq.ParquetFile(stream).read(columns=["text"])["text"].to_pylist()
    except (OSError, KeyError, UnicodeDecodeError, pa.ArrowException) as error:
        raise SourceError(f"{file.name}: can't be read as parquet with a column text: {error}") from error
    return [row or "" for row in rows]


def join_wikitext(rows: Iterable[str]) -> DataSet:
    """Return the rows of the hub's raw split as one text, the file wiki.test.raw of the original archive.

    Each row is a line with its line end; a blank line of the file, a blank and a line end, is an empty row.
    An article begins at its heading, and names the windows that begin to be scored in it.
    """
    raw = "".join(row or " \n" for row in rows)
    digest = hashlib.sha256(raw.encode()).hexdigest()
    # As llama.cpp reads a file: without one line end at its end.
    text = raw.removesuffix("\n")
    articles = [(match.start(), match[1]) for match in _HEADING.finditer(raw)]
    if articles:
        articles[0] = (0, articles[0][1])  # what stands before the first heading is blank
    else:
        articles = [(0, "beginning")]
    is_same = digest == _WIKI_TEST_RAW
    same, other = "byte for byte wiki.test.raw, as llama.cpp's users measure it", "not those of wiki.test.raw"
    return DataSet(
        name=WIKITEXT,
        sha256=digest,
        joined=f"the rows as lines, {same if is_same else other}; without the line end at its end, control "
        "tokens read as letters",
        passages=(
            Passage(
                text=text,
                starts=tuple(start for start, _ in articles),
                documents=tuple(_number_repeats(title for _, title in articles)),
            ),
        ),
        notes=()
        if is_same
        else (
            f"{WIKITEXT}: the rows are not those of wiki.test.raw, so figures can't be compared with others'",
        ),
    )


def _number_repeats(names: Iterable[str]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for name in names:
        counts[name] += 1
        yield name if counts[name] == 1 else f"{name} ({counts[name]})"
