"""The section of a quantized model's card that says what it was calibrated with."""

from __future__ import annotations

from calibset.dataset.cards.licence_summary import obligation_lines, summarise_licences, used_licences
from calibset.dataset.cards.templating import render
from calibset.dataset.manifest import Manifest


def model_card_section(manifest: Manifest, file: str = "the calibration file") -> str:
    """Return the section ``## Calibration data`` for a model's README.

    Args:
        manifest: The calibration file's manifest.
        file: The name of the file in the section.
    """
    obligations = obligation_lines(summarise_licences(used_licences(manifest)))
    return render("model_card.md", manifest, file=file, obligations=obligations)
