"""The section of a quantized model's card that says what it was calibrated with."""

from __future__ import annotations

from calibset.dataset.cards.dataset_card import version_table
from calibset.dataset.cards.licence_summary import NO_ADVICE, combined, obligation_lines
from calibset.dataset.cards.markdown import escaped
from calibset.dataset.cards.method import hash_lines, method_lines
from calibset.dataset.cards.tables import evaluation_table, group_table, licences_used, source_table
from calibset.dataset.manifest import Manifest


def model_card_section(manifest: Manifest, file: str = "the calibration file") -> str:
    """Return the section ``## Calibration data``, to be put into a model's README.

    Args:
        manifest: The calibration file's.
        file: How the section calls that file.
    """
    lines = [
        *method_lines(manifest),
        *(f"Licences: {line}" for line in obligation_lines(combined(licences_used(manifest)))),
        *hash_lines(manifest, file),
    ]
    parts = [
        "## Calibration data",
        f"Quantization was calibrated with {escaped(manifest.name)}: {len(manifest.samples):,} rows of "
        f"{manifest.seqlen:,} tokens, built by calibset {escaped(manifest.versions.get('calibset', ''))}.",
        source_table(manifest),
        "Shares of the domains:",
        group_table(manifest),
        *([evaluation_table(manifest)] if manifest.evaluations else []),
        "\n".join(f"- {line}" for line in lines),
        NO_ADVICE,
        version_table(manifest),
    ]
    return "\n\n".join(parts) + "\n"
