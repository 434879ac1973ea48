"""What a model, or the loader of an older transformers, can't read of a calibration file as it is meant."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibset.core.errors import QuantizerError, TokenizerError
from calibset.quantizers import Quantizer, RowInput
from calibset.quantizers.row_reader import read_ids, read_rows, read_texts
from calibset.quantizers.token_faults import (
    EMBEDDINGS_REMEDY,
    MissingEmbeddings,
    count_doubled,
    describe_older_loader,
    find_missing_embeddings,
)
from calibset.tokenizers import Tokenizer, find_tokenizer_file, load_tokenizer
from calibset.tokenizers.engine_faults import locate_faults
from calibset.tokenizers.model_config import read_embedding_count
from calibset.tokenizers.older_loader import find_older_loader
from calibset.tokenizers.truncation import visible_ids

# How many characters of a row show whether it begins with BOS.
_BEGINNING = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFaults:
    """What is wrong with the tokens of a file's rows.

    Attributes:
        missing_embeddings: The tokens that the model has no embeddings for; None if there are none, or if
            that isn't known.
        older_loader: What transformers before version 5 does to the rows; empty if it reads them as meant.
    """

    missing_embeddings: MissingEmbeddings | None = None
    older_loader: str = ""


def find_token_faults(
    tokenizer: Tokenizer,
    folder: Path | None,
    rows: Sequence[RowInput] | None,
    *,
    seqlen: int,
    embedding_count: int | None = None,
) -> TokenFaults:
    """Find what is wrong with the tokens of rows.

    Args:
        tokenizer: The tokenizer that reads the rows.
        folder: Its folder, whose files say how it is loaded and how many embeddings the model has; None if
            it has none.
        rows: The rows; None if they aren't known.
        seqlen: How many tokens of a row the model reads.
        embedding_count: How many token ids the model has embeddings for; by default what the folder's
            ``config.json`` says.
    """
    if embedding_count is None and folder is not None:
        embedding_count = read_embedding_count(folder)
    read = None if rows is None else _read(rows, tokenizer, seqlen)
    older = None if folder is None else find_older_loader(folder, tokenizer)
    texts = None if rows is None else (_encode(row, tokenizer) for row in rows if isinstance(row, str))
    return TokenFaults(
        missing_embeddings=find_missing_embeddings(tokenizer, embedding_count, read),
        older_loader=describe_older_loader(older, tokenizer, texts) if older else "",
    )


class MissingEmbeddingsError(QuantizerError):
    """A file isn't written, because the model has no embeddings for tokens in it."""


def check_embeddings(
    quantizer: Quantizer, tokenizer: Tokenizer, folder: Path | None, rows: Sequence[RowInput], *, seqlen: int
) -> tuple[str, str]:
    """Return what makes a quantizer stop at rows with tokens that have no embedding, and a note on such.

    Either is empty if there is nothing to say.

    Args:
        quantizer: The quantizer.
        tokenizer: The tokenizer that reads the rows.
        folder: Its folder, whose ``config.json`` counts the embeddings; None if it has none.
        rows: The rows.
        seqlen: How many tokens of a row it reads, if it doesn't join them.
    """
    info = quantizer.info
    count = None if folder is None else read_embedding_count(folder)
    most = sys.maxsize if info.joins_rows else seqlen
    if (missing := find_missing_embeddings(tokenizer, count, _read(rows, tokenizer, most))) is None:
        return "", ""
    if missing.rows and not info.parses_control_tokens:
        spelled = _read(rows, tokenizer, most, parse_special=False)
        as_text = find_missing_embeddings(tokenizer, count, spelled)
        if as_text is None or not as_text.rows:
            reads = f"{info.product} reads control tokens in rows as plain text"
            return "", f"{missing.lack}; {reads}; {EMBEDDINGS_REMEDY}"
        missing = as_text
    return (missing.about, "") if missing.rows else ("", "")


def note_tokenizer(quantizer: Quantizer, tokenizer: Tokenizer, rows: Sequence[RowInput]) -> tuple[str, ...]:
    """Return what is noted of a tokenizer, if a quantizer reads texts with it."""
    reads = not quantizer.info.own_tokenizer and any(isinstance(row, str) for row in rows)
    return tokenizer.notes if reads else ()


def note_doubled_bos(texts: Sequence[str], rows: int, tokenizer: Tokenizer) -> Iterator[str]:
    """Yield a note if texts, of a number of rows, begin with what the tokenizer puts before each as well."""
    beginnings = (tokenizer.encode(text[:_BEGINNING], parse_special=True) for text in texts)
    if twice := count_doubled(beginnings, tokenizer):
        yield (
            f"{twice} of {rows} rows begin with {tokenizer.decode(tokenizer.prefix)}, which the tokenizer "
            "puts before each row as well, so that the model reads it twice"
        )


def find_faults_of_file(
    file: Path, tokenizer: str, relative_to: Path, *, seqlen: int, embedding_count: int | None
) -> TokenFaults:
    """Find what is wrong with the tokens of a file that may not be there yet; no server is asked.

    Args:
        file: A file of texts, or a ``.parquet`` file of ids.
        tokenizer: The tokenizer that reads the rows, by name or path.
        relative_to: The folder that a relative path of the tokenizer is looked up in first.
        seqlen: How many tokens of a row the model reads.
        embedding_count: How many token ids the model has embeddings for; by default what the
            ``config.json`` in the tokenizer's folder says.
    """
    try:
        loaded = load_tokenizer(tokenizer, relative_to, offline=True)
        path = find_tokenizer_file(tokenizer, relative_to, offline=True)
    except TokenizerError:  # the quantizer will say so itself
        return TokenFaults()
    folder = None if path is None else path.parent
    rows = _read_rows(file)
    return find_token_faults(loaded, folder, rows, seqlen=seqlen, embedding_count=embedding_count)


def _read_rows(file: Path) -> list[RowInput] | None:
    try:
        if file.suffix == ".parquet":
            return read_rows(file, lambda row: read_ids(row.get("input_ids")))[0]
        return [*read_texts(file)[0]]
    except QuantizerError:
        return None


def _read(
    rows: Sequence[RowInput], tokenizer: Tokenizer, seqlen: int, *, parse_special: bool = True
) -> Iterator[Sequence[int]]:
    """Yield the ids of each row that the model reads; where no control token is parsed, no BOS is put."""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, str):
            yield row if isinstance(row, tuple) else ()
            continue
        with locate_faults(f"row {number}"):
            ids = _encode(row, tokenizer) if parse_special else tokenizer.encode(row, parse_special=False)
        yield visible_ids(ids, tokenizer, seqlen) if parse_special else ids[:seqlen]


def _encode(text: str, tokenizer: Tokenizer) -> list[int]:
    return tokenizer.encode(text.rstrip(), parse_special=True)
