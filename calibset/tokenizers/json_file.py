"""A ``tokenizer.json`` read into memory, and nothing else that might be given in its place."""

from __future__ import annotations

from pathlib import Path

from calibset.core.errors import TokenizerError

_LARGEST = 256 * 2**20
_GGUF = b"GGUF"


def read_tokenizer_json(path: Path, name: str) -> bytes:
    """Return the bytes of a ``tokenizer.json``.

    Raises:
        TokenizerError: The file can't be read, is too large, or its first bytes show that it is none.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(len(_GGUF))
            if start == _GGUF:
                raise TokenizerError(
                    f"{name}: is a GGUF file, and calibset reads none: name the folder of the model that it "
                    "was made from, or the folder's tokenizer.json"
                )
            rest = stream.read(_LARGEST + 1)
    except OSError as error:
        raise TokenizerError(f"{name}: can't be read: {error.strerror}") from error
    if len(rest) > _LARGEST:
        raise TokenizerError(f"{name}: is over 256 MiB, too large for a tokenizer.json")
    return start + rest
