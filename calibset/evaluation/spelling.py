"""The tokenizer of a measurement, loaded again to spell its ids."""

from __future__ import annotations

from pathlib import Path

from calibset.core.errors import TokenizerError
from calibset.tokenizers import Tokenizer, load_tokenizer


def load_measured_tokenizer(measured: str, sha256: str, name: str | None) -> Tokenizer:
    """Return the tokenizer that a measurement was made with.

    Args:
        measured: Its name or path, as the measurement records it.
        sha256: Its fingerprint.
        name: Where the user says that it is.

    Raises:
        TokenizerError: It can't be loaded, or what is there isn't what was measured with.
    """
    if name is not None:
        tokenizer = load_tokenizer(name, Path())
        if tokenizer.fingerprint != sha256:
            raise TokenizerError(
                f"--tokenizer {name}: is not what the models were measured with ({measured}): its vocabulary "
                "or its chat template is another; give that one, unchanged"
            )
        return tokenizer
    try:
        tokenizer = load_tokenizer(measured, Path())
    except TokenizerError as error:
        raise TokenizerError(
            f"{error}; it spells the tokens that were measured, so say where it is with --tokenizer"
        ) from error
    if tokenizer.fingerprint != sha256:
        raise TokenizerError(
            f"{measured}: is not what it was when the models were measured; give --tokenizer"
        )
    return tokenizer
