"""The card of a file without a manifest: what its rows alone tell."""

from __future__ import annotations

import hashlib

from calibset.dataset.calibration_file import CalibrationFile
from calibset.dataset.cards.markdown import Markdown
from calibset.dataset.cards.overwrite import WRITTEN
from calibset.dataset.cards.templating import environment
from calibset.dataset.report.plain import compute_plain_figures


def plain_card(file: CalibrationFile, *, tokenizer: str | None = None) -> str:
    """Return the text of a card of a file without a manifest.

    Args:
        file: The file.
        tokenizer: The tokenizer that reads its rows, by name or path; ``mistral-small-3.2`` if None.

    Raises:
        QuantizerError: The file can't be read, or a row has neither a text nor ids.
        TokenizerError: The tokenizer can't be loaded.
    """
    measure = file.tokenizer(tokenizer)
    return (
        environment()
        .get_template("plain_card.md")
        .render(
            file=file.path.name,
            figures=compute_plain_figures(file, measure, tokenizer),
            tokenizer=measure.name,
            written=Markdown(WRITTEN),
            sha256=hashlib.sha256(file.path.read_bytes()).hexdigest(),
        )
    )
