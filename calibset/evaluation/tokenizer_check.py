"""The tokenizer of a measurement: found, and compared with the model's own as far as that can be asked."""

from __future__ import annotations

import os
from pathlib import Path

from calibset.core.errors import TokenizerError
from calibset.evaluation.data import DataSet, Passage
from calibset.evaluation.scorers.base import Scorer
from calibset.evaluation.spreading import spread
from calibset.tokenizers import EMBEDDED, Tokenizer, load_tokenizer

# What of the data both are compared on.
_PASSAGES = 16
_CHARACTERS = 2_000


def find_tokenizer(data: DataSet, name: str | None, folder: str | None) -> Tokenizer:
    """Return the tokenizer of a measurement.

    Args:
        data: What is measured; a calibration file names the tokenizer that it was built for.
        name: The tokenizer that the command line names, if it does.
        folder: The model's folder; None for a server.

    Raises:
        TokenizerError: It can't be loaded, it changed since the file was built, or none is named.
    """
    if name is not None:
        return _load(name)
    if data.tokenizer is None:
        if folder is None:
            raise TokenizerError(
                f"--data {data.name}: which tokenizer the server's model has isn't known here; name it with "
                "--tokenizer (a folder, a file, or hf://OWNER/NAME)"
            )
        return _load(folder)
    try:
        tokenizer = _load(data.tokenizer, data.tokenizer_folder)
    except TokenizerError as error:
        raise TokenizerError(
            f"{error}; the manifest of {data.name} names this tokenizer, say where it is with --tokenizer"
        ) from error
    if tokenizer.fingerprint != data.tokenizer_sha256:
        raise TokenizerError(
            f"--data {data.name}: {data.tokenizer} is not what it was when the file was built; build again, "
            "or give --tokenizer"
        )
    return tokenizer


def _load(name: str, folder: Path | None = None) -> Tokenizer:
    """Return a tokenizer under a name that leads to it from any folder, as a measurement records it."""
    for base in (folder, Path()) if name not in EMBEDDED else ():
        if base is not None and os.path.exists(base / name):  # noqa: PTH110  (Path's raises)
            return load_tokenizer(os.path.abspath(base / name))  # noqa: PTH100  (links are kept as they are)
    return load_tokenizer(name, folder)


def check_tokenizer(scorer: Scorer, tokenizer: Tokenizer, data: DataSet) -> str:
    """Compare a tokenizer with the model's own, and return what was compared.

    Raises:
        TokenizerError: The model's reads a part of the data otherwise.
    """
    info = scorer.describe()
    if info.tokenizer_sha256 == tokenizer.fingerprint:
        return "the same files as the model's"
    if info.vocabulary is not None and tokenizer.vocabulary_size > info.vocabulary:
        raise TokenizerError(
            f"{tokenizer.name}: has {tokenizer.vocabulary_size:,} ids, and {info.model} knows "
            f"{info.vocabulary:,}; give the model's own with --tokenizer"
        )
    for text in _sample(data.passages):
        own = scorer.encode(text)
        if own is None:
            return "not checked: the model's own can't be asked"
        if own != tokenizer.encode(text, parse_special=True):
            raise TokenizerError(
                f"{tokenizer.name}: is not the tokenizer of {info.model}, which makes other ids of the data"
                + (f"; {data.name} was built for {data.tokenizer}" if data.tokenizer else "")
                + "; give the model's own with --tokenizer"
            )
    return "the same ids of a part of the data as the model's"


def _sample(passages: tuple[Passage, ...]) -> list[str]:
    return [passage.text[:_CHARACTERS] for passage in spread(passages, _PASSAGES)]
