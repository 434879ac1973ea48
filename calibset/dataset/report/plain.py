"""What can be told of a file without a manifest: its rows alone, as a tokenizer and a quantizer read them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from calibset.core.documents import Span
from calibset.dataset.calibration_file import CalibrationFile
from calibset.dataset.message_rows import AnyRowReader
from calibset.dataset.report.languages import LanguageMix, identify_languages
from calibset.dataset.report.rows import Row
from calibset.dataset.verify import verify
from calibset.quantizers import LoadReport
from calibset.tokenizers import ControlTokens, Tokenizer
from calibset.tokenizers.engine_faults import locate_faults
from calibset.tokenizers.truncation import text_budget, visible_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFigures:
    """The numbers of a file without a manifest.

    Attributes:
        report: What the default quantizer does with the rows.
        rows: The rows, each as one document.
        tokens: How many tokens the rows have.
        control_rows: How many rows hold control tokens.
        repeats: How many rows repeat an earlier one to the letter.
        rendered: How many rows are messages, and were rendered by the tokenizer's chat template.
        languages: The languages of the rows without control tokens.
    """

    report: LoadReport
    rows: tuple[Row, ...]
    tokens: int
    control_rows: int
    repeats: int
    rendered: int
    languages: LanguageMix


def compute_plain_figures(
    file: CalibrationFile, tokenizer: Tokenizer, name: str | None = None
) -> PlainFigures:
    """Return the numbers of a file without a manifest.

    Args:
        file: The file.
        tokenizer: The tokenizer that reads it.
        name: The tokenizer's name or path if it was given; the default one is noted as assumed.

    Raises:
        QuantizerError: The file can't be read, or a row has neither a text nor ids, or messages and no name
            is given.
    """
    report = verify(file.path, tokenizer=name)
    seen: set[int] = set()
    rows, control_rows = [], 0
    most = text_budget(tokenizer, report.seqlen)
    reader = AnyRowReader(tokenizer, is_named=name is not None)
    for number, text in enumerate(file.decode_all(reader), 1):
        with locate_faults(f"{file.path}: row {number}"):
            encoded = tokenizer.encode_with_ends(text.rstrip(), parse_special=True)
        ids, ends = encoded.ids, encoded.ends
        seen.update(visible_ids(ids, tokenizer, report.seqlen))
        control_rows += not tokenizer.control_ids.isdisjoint(ids)
        rows.append(
            Row(
                number=number,
                source="rows",
                text=text,
                tokens=len(ids),
                read_to=ends[most - 1] if 0 < most < len(ids) else len(text),
                distinct_so_far=len(seen),
                documents=(Span(document=f"row {number}", start=0, end=len(text), whole=True),),
            )
        )
    counts = Counter(row.text for row in rows)
    return PlainFigures(
        report=report,
        rows=tuple(rows),
        tokens=sum(row.tokens for row in rows),
        control_rows=control_rows,
        repeats=counts.total() - len(counts),
        rendered=reader.rendered,
        languages=identify_languages(rows, ControlTokens.of(tokenizer.special_tokens)),
    )
