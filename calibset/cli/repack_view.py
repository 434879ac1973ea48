"""What a quantizer kept of a file before its texts were packed anew, and what it keeps now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.cli.console import print_line
from calibset.core.errors import QuantizerError

if TYPE_CHECKING:
    from calibset.dataset.calibration_set import CalibrationSet
    from calibset.quantizers import LoadReport, Quantizer


def simulate_before(file: Path, quantizer: Quantizer, built: CalibrationSet) -> LoadReport | None:
    """Return what the quantizer does with a file that was repacked; None if that can't be told."""
    if built.tokenizer is None:
        return None
    try:
        return quantizer.simulate_file(file, built.tokenizer, nsamples=1, seqlen=built.manifest.seqlen)
    except QuantizerError:
        return None


def print_verdict(before: Mapping[Path, LoadReport | None], built: CalibrationSet) -> None:
    """Print how many rows of each file the quantizer keeps, and how many of the new rows."""
    manifest = built.manifest
    for file, report in before.items():
        print_line(f"{file}: {manifest.quantizer} {_tell_kept(report)}")
    print_line(f"repacked: {manifest.kept:,} of {manifest.nsamples:,} rows kept")


def _tell_kept(report: LoadReport | None) -> str:
    if report is None:
        return "can't read it"
    if report.fatal:
        return f"keeps no row ({report.fatal[0]})"
    unjudged = f", and {len(report.unjudged):,} are not judged" if report.unjudged else ""
    return f"keeps {report.kept:,} of {len(report.rows):,} rows{unjudged}"


def verdict_data(before: Mapping[Path, LoadReport | None]) -> list[dict[str, Any]]:
    """Return what the quantizer did with the files as data."""
    return [
        {
            "file": str(file),
            "rows": None if report is None else len(report.rows),
            "kept": None if report is None else report.kept,
            "fatal": [] if report is None else list(report.fatal),
        }
        for file, report in before.items()
    ]
