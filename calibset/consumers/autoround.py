"""Intel AutoRound: what its loader keeps of a calibration file.

The rules are those of ``auto_round/calib_dataset.py`` in 0.12.3 and 0.16.1
(``get_local_dataset`` and the filter in ``get_dataset``), for text rows without options.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from calibset.consumers.base import Acceptance, Replay
from calibset.errors import ConsumerError
from calibset.reading import is_dominated, read_of, room
from calibset.tokenizers.base import Tokenizer, scalar_text

__all__ = ["NAME", "file_texts", "path_faults", "replay", "replay_file"]

NAME = "AutoRound 0.12.3 to 0.16.1"

# AutoRound shuffles the rows with this seed before it takes the first nsamples.
_SHUFFLE_SEED = 42

_MEANINGS = {
    " ": "a space, which it removes",
    ",": "a comma, which separates datasets",
    ":": "a colon, which begins options",
}


def path_faults(path: str) -> tuple[str, ...]:
    """Say what in a file's path AutoRound would misread.

    Examples:
        >>> path_faults("out/my set.jsonl")
        ('the path holds a space, which it removes',)
    """
    faults = [f"the path holds {meaning}" for character, meaning in _MEANINGS.items() if character in path]
    if not path.endswith((".json", ".jsonl")):
        faults.append("the path must end in .jsonl or .json")
    return tuple(faults)


def replay(texts: Iterable[str], tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> Replay:
    """Say what AutoRound keeps of rows with these texts.

    Args:
        texts: The rows' ``text`` values.
        tokenizer: The one that AutoRound will be given; it parses control tokens.
        nsamples: AutoRound's ``--nsamples``.
        seqlen: AutoRound's ``--seqlen``.
    """
    rows = tuple(_accepted(number, text, tokenizer, seqlen) for number, text in enumerate(texts, 1))
    warnings = []
    if len(rows) > nsamples:
        warnings.append(
            f"{len(rows)} rows for nsamples {nsamples}: which of them are used is a matter of "
            "AutoRound's shuffle, and so is the mixture"
        )
    return Replay(
        consumer=NAME, nsamples=nsamples, seqlen=seqlen, rows=_taken(rows, nsamples), warnings=tuple(warnings)
    )


def replay_file(path: Path, tokenizer: Tokenizer, *, nsamples: int, seqlen: int) -> Replay:
    """Say what AutoRound keeps of a file, row by row.

    Raises:
        ConsumerError: The file can't be opened.
    """
    texts, faults = file_texts(path)
    found = replay(texts, tokenizer, nsamples=nsamples, seqlen=seqlen)
    warnings = found.warnings
    if not path.read_bytes().isascii():
        warnings = (*warnings, "the file isn't ASCII: AutoRound reads it in the locale's encoding")
    return Replay(
        consumer=NAME,
        nsamples=nsamples,
        seqlen=seqlen,
        rows=found.rows,
        fatal=(*path_faults(str(path)), *faults),
        warnings=warnings,
    )


def file_texts(path: Path) -> tuple[list[str], list[str]]:
    """Return the text of each row of a file, empty where there is none, and why AutoRound can't load it.

    Raises:
        ConsumerError: The file can't be opened.
    """
    texts, faults = [], []
    for number, value in _values(path):
        if isinstance(value, str):
            texts.append(value)
        else:
            faults.append(f"row {number}: {value[0]}")
            texts.append("")
    if not texts:
        faults.append("the file holds no row")
    return texts, faults


def _accepted(number: int, text: str, tokenizer: Tokenizer, seqlen: int) -> Acceptance:
    ids = tokenizer.encode(text.rstrip(), parse_special=True)
    read = read_of(ids, tokenizer, seqlen)
    reason = None
    if len(read) < seqlen:
        reason = f"{seqlen - len(read)} tokens short of {seqlen}"
    elif is_dominated(read, seqlen):
        reason = f"its last token stands {read.count(read[-1])} times in {seqlen}"
    return Acceptance(
        row=number, tokens=len(ids), cut=max(0, len(ids) - room(tokenizer, seqlen)), reason=reason
    )


def _taken(rows: tuple[Acceptance, ...], nsamples: int) -> tuple[Acceptance, ...]:
    order = list(range(len(rows)))
    random.Random(_SHUFFLE_SEED).shuffle(order)  # noqa: S311  (AutoRound's own shuffle, replayed)
    kept = [position for position in order if rows[position].kept]
    used = set(kept[:nsamples])
    return tuple(
        Acceptance(row=row.row, tokens=row.tokens, cut=row.cut, reason=row.reason, used=position in used)
        for position, row in enumerate(rows)
    )


def _values(path: Path) -> Iterator[tuple[int, str | tuple[str]]]:
    """Yield each row's number and its text, or the reason in a tuple why AutoRound stops at it."""
    try:
        # Universal newlines, as AutoRound's own open() has them. Bytes that are no UTF-8 become
        # lone surrogates, which valid UTF-8 never gives.
        text = path.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise ConsumerError(f"{path}: can't be read: {error.strerror}") from error
    if path.suffix == ".json":
        yield from enumerate(_json_values(text), 1)
        return
    lines = text.split("\n")
    if lines[-1] == "":
        del lines[-1]
    for number, line in enumerate(lines, 1):
        if not _encodable(line):
            yield number, ("not valid UTF-8",)
            continue
        try:
            yield number, _text_of(json.loads(line))
        except (ValueError, RecursionError):
            yield number, ("blank line" if not line.strip() else "not valid JSON",)


def _json_values(text: str) -> list[str | tuple[str]]:
    if not _encodable(text):
        return [("not valid UTF-8",)]
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return [("not valid JSON",)]
    if isinstance(rows, dict):
        rows = list(rows.values())
    if not isinstance(rows, list):
        return [("neither a list nor an object of rows",)]
    return [_text_of(row) for row in rows]


def _text_of(row: Any) -> str | tuple[str]:
    value = row
    if isinstance(row, dict):
        # One key of any name, else "text", else "input_ids", in AutoRound's order.
        values = (
            list(row.values()) if len(row) == 1 else [row[key] for key in ("text", "input_ids") if key in row]
        )
        value = values[0] if values else None
    if isinstance(value, str):
        # AutoRound puts the texts into an Arrow table, which can't hold one.
        return value if _encodable(value) else ("its text holds a lone surrogate",)
    return ("its text is no string" if isinstance(row, dict) and value is not None else "has no text",)


def _encodable(text: str) -> bool:
    return scalar_text(text) == text
