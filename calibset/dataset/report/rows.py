"""The rows of a file as its tokenizer reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from calibset.core.documents import Sample, Span
from calibset.dataset.calibration_file import EncodedRow
from calibset.dataset.manifest import Manifest
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.truncation import text_budget, visible_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row, and what the quantizer reads of it.

    Attributes:
        number: Its line in the file, from 1.
        source: The name of the source it comes from.
        text: What it holds.
        tokens: How many tokens that is, without BOS.
        read_to: Characters of the text that the quantizer reads; the rest is cut.
        distinct_so_far: Different tokens that the quantizer reads of this row and all before it.
        documents: What of the text came from where, in order.
    """

    number: int
    source: str
    text: str
    tokens: int
    read_to: int
    distinct_so_far: int
    documents: tuple[Span, ...]


def read_rows(encoded: Iterable[EncodedRow], manifest: Manifest, tokenizer: Tokenizer) -> tuple[Row, ...]:
    """Return the rows of a file.

    Args:
        encoded: Each row, in the order of the file.
        manifest: That of the file; it has a sample for each row.
        tokenizer: What measured the rows.
    """
    seen: set[int] = set()
    rows = []
    most = text_budget(tokenizer, manifest.seqlen)
    for row, sample in zip(encoded, manifest.samples, strict=True):
        ids, ends = row.encoded.ids, row.encoded.ends
        seen.update(visible_ids(ids, tokenizer, manifest.seqlen))
        rows.append(
            Row(
                number=row.number,
                source=sample.source,
                text=row.text,
                tokens=len(ids),
                read_to=ends[most - 1] if 0 < most < len(ids) else len(row.text),
                distinct_so_far=len(seen),
                documents=sample.documents,
            )
        )
    return tuple(rows)


def built_rows(samples: Sequence[Sample], seqlen: int, tokenizer: Tokenizer, located: int) -> tuple[Row, ...]:
    """Return the rows of a set in memory, which is not encoded once more.

    Args:
        samples: Those of the set.
        seqlen: Tokens of a row that are read, special ones around it included.
        tokenizer: What measured the rows.
        located: Of how many it is told where in the text ``read_to`` is; of others it is the end.
    """
    seen: set[int] = set()
    rows = []
    most = text_budget(tokenizer, seqlen)
    for number, sample in enumerate(samples, 1):
        seen.update(visible_ids(sample.token_ids, tokenizer, seqlen))
        cut = number <= located and 0 < most < len(sample.token_ids)
        rows.append(
            Row(
                number=number,
                source=sample.source,
                text=sample.text,
                tokens=len(sample.token_ids),
                read_to=_end(sample.text, most, tokenizer) if cut else len(sample.text),
                distinct_so_far=len(seen),
                documents=sample.documents,
            )
        )
    return tuple(rows)


def _end(text: str, count: int, tokenizer: Tokenizer) -> int:
    ends = tokenizer.encode_with_ends(text, parse_special=True).ends
    return ends[count - 1] if count <= len(ends) else len(text)
