"""Whether a manifest tells of the file that it stands beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.core.documents import Sample
from calibset.core.errors import OutputError
from calibset.dataset.manifest import Manifest, manifest_path

if TYPE_CHECKING:
    pass
import os
from collections.abc import Sequence

from calibset.core.errors import QuantizerError, TokenizerError
from calibset.tokenizers import Tokenizer, load_tokenizer


def check_manifest_matches(manifest: Manifest, file: Path) -> None:
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


def row_bytes(samples: Iterable[Sample]) -> bytes:
    """Return the samples as JSON Lines: ASCII, one object a line, no blank line."""
    lines = (
        json.dumps({"text": sample.text, "source": sample.source, "tokens": len(sample.token_ids)}) + "\n"
        for sample in samples
    )
    return "".join(lines).encode("ascii")


def holdout_path(path: Path) -> Path:
    """Return where the holdout of a calibration file stands: ``x.jsonl`` has ``x.holdout.jsonl``."""
    return path.with_name(f"{path.stem}.holdout{path.suffix}")


_CONSUMER = "autoround"
_TOKENIZER = "mistral-small-3.2"


def quantizer_of(manifest: Manifest | None) -> str:
    """Return the quantizer, by name, that a file was built for; the default without a manifest."""
    return str(manifest.recipe.get("quantizer", _CONSUMER)) if manifest else _CONSUMER


def existing(file: str | Path, endings: Sequence[str] = (".jsonl", ".json")) -> Path:
    """Return the path of a calibration file that is there.

    Args:
        file: The file.
        endings: What its name may end in.

    Raises:
        ConsumerError: There is none, or its name is that of another kind of file.
    """
    path = Path(file)
    if not os.path.isfile(path):  # noqa: PTH113  (Path's raises where a folder may not be entered)
        raise QuantizerError(f"{path}: no such file")
    if path.suffix not in endings:
        *others, last = endings
        names = f"{', '.join(others)} or {last}" if others else last
        raise QuantizerError(f"{path}: a calibration file must end in {names}")
    return path


def tokenizer_of(path: Path, asked: str | None, manifest: Manifest | None) -> Tokenizer:
    """Return the tokenizer of a calibration file: the one asked for, or its manifest's, or the default.

    Raises:
        TokenizerError: It can't be loaded.
    """
    try:
        return load_tokenizer(asked or name_of(manifest), path.parent)
    except TokenizerError as error:
        if asked is None and manifest is not None:
            raise TokenizerError(f"{error}; the manifest names it, --tokenizer says where it is") from error
        raise


def name_of(manifest: Manifest | None) -> str:
    """Return the name of a file's tokenizer, where its user gives none."""
    return manifest.tokenizer.name if manifest else _TOKENIZER


def ensure_unchanged(path: Path, tokenizer: Tokenizer, manifest: Manifest) -> None:
    """Make sure that a tokenizer is the one that a file was built with.

    Raises:
        TokenizerError: It is another.
    """
    if tokenizer.fingerprint != manifest.tokenizer.sha256:
        raise TokenizerError(
            f"{path}: {tokenizer.name} is not what it was when the file was built; "
            "build again, or give --tokenizer"
        )
