"""A tokenizer's JSON file read into memory, and nothing else that might be named in its place."""

from __future__ import annotations

import os
from pathlib import Path

from calibset.core.errors import TokenizerError

_LARGEST = 256 * 2**20
_START = 64


def read_json_file(path: Path, name: str, kind: str) -> bytes:
    """Return the bytes of a tokenizer's JSON file.

    Args:
        path: The file.
        name: The tokenizer's name, for messages.
        kind: What the file should be, for messages.

    Raises:
        TokenizerError: The file can't be read, is too large, or its first bytes show that it is not JSON.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(_START)
            if start.startswith(b"GGUF"):
                raise TokenizerError(gguf_message(name))
            if not start.lstrip().startswith(b"{"):
                raise TokenizerError(f"{name}: not {kind}: it doesn't begin with an object of JSON")
            if os.fstat(stream.fileno()).st_size > _LARGEST:
                raise TokenizerError(f"{name}: is over 256 MiB, too large for a tokenizer")
            return start + stream.read(_LARGEST)
    except OSError as error:
        raise TokenizerError(f"{name}: can't be read: {error.strerror}") from error


def gguf_message(name: str) -> str:
    """Return what to say of a GGUF model that is named as a tokenizer."""
    return (
        f"{name}: is a GGUF model, whose tokenizer calibset doesn't read; name the model that it was made "
        "from: hf://OWNER/NAME, or the folder with its tokenizer.json"
    )
