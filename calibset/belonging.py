"""Whether a manifest tells of the file that it stands beside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from calibset.errors import OutputError
from calibset.manifest import Manifest, manifest_path


def ensure_of_file(manifest: Manifest, file: Path) -> None:
    """Make sure that a manifest is of a file: of its bytes, and with a sample for each of its rows.

    Args:
        manifest: As it was read.
        file: The calibration file.

    Raises:
        OutputError: It is of another file, or the file can't be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise OutputError(f"{file}: can't be read: {error.strerror}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.sha256:
        raise _of_another(file, f"it says sha256 {manifest.sha256[:16]}…, and {file} has {digest[:16]}…")
    rows, samples = _count_rows(file, content), len(manifest.samples)
    if rows != samples:
        raise _of_another(file, f"it has {samples:,} samples, and {file} has {rows:,} rows")


def _of_another(file: Path, why: str) -> OutputError:
    return OutputError(
        f"{manifest_path(file)}: is of another file: {why}; build again, or move the manifest away"
    )


def _count_rows(file: Path, content: bytes) -> int:
    if file.suffix != ".json":
        return len(content.splitlines())
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError):
        return 0
    return len(rows) if isinstance(rows, list | dict) else 0
