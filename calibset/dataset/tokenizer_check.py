"""What the tokenizers that quantizers load for a Mistral model read of a calibration file's text.

A row's text is right for a quantizer only if its tokenizer gives the ids that calibset counted.
Whether it does is not to be told from the model: the same folder is loaded as one class or another,
as files stand in it and packages are installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

from calibset.core.errors import QuantizerError, TokenizerError
from calibset.dataset.calibration_file import ensure_unchanged, existing, name_of, tokenizer_of
from calibset.dataset.manifest import read_manifest
from calibset.quantizers.row_reader import read_texts
from calibset.tokenizers import Tokenizer, find_tokenizer
from calibset.tokenizers.conversion import tekken_json, write_fast_tokenizer
from calibset.tokenizers.tekken import TekkenTokenizer
from calibset.tokenizers.transformers_import import quiet_transformers

Backend = Literal["fast", "mistral-common", "tokenizers"]
"""transformers' fast tokenizer of a ``tokenizer.json``, its ``MistralCommonBackend`` of a ``tekken.json``,
and its ``TokenizersBackend`` of the same where mistral-common is not used."""

BACKENDS: tuple[Backend, ...] = get_args(Backend)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMismatch:
    """A row that a tokenizer reads otherwise.

    Attributes:
        row: The line it stands on, counted from 1.
        place: Tokens that are the same before the first difference, BOS among them.
        expected: The token that should stand there, spelled; empty behind the last.
        found: The token that does.
        reason: What is the matter, the same for the same fault.
    """

    row: int
    index: int
    expected: str
    found: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerReport:
    """What a tokenizer makes of a calibration file.

    Attributes:
        backend: The class that was loaded, with its package's version.
        rows: Rows that were read.
        misread: Those of which it reads other ids.
    """

    backend: str
    rows: int
    misread: tuple[TokenMismatch, ...]

    @property
    def passed(self) -> bool:
        """Whether every row is read as it should be."""
        return not self.misread


def check_tokenizer(file: str | Path, backend: Backend, *, tokenizer: str | None = None) -> TokenizerReport:
    """Say which rows of a calibration file a tokenizer of transformers reads otherwise than calibset.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows.
        backend: The tokenizer to ask.
        tokenizer: The target model's, by name or path; by default the manifest's, else
            ``mistral-small-3.2``.

    Raises:
        ConsumerError: The file can't be read, or holds rows without text.
        TokenizerError: transformers is not installed, or has no such tokenizer for this model.
    """
    path = existing(file)
    manifest = read_manifest(path)
    texts, faults = read_texts(path)
    if faults:
        raise QuantizerError(f"{path}: {faults[0]}; `calibset verify` without --backend names each fault")
    expected = tokenizer_of(path, tokenizer, manifest)
    if manifest is not None and tokenizer is None:
        ensure_unchanged(path, expected, manifest)
    file_of_it = find_tokenizer(tokenizer or name_of(manifest), path.parent)
    with _loaded(backend, expected, file_of_it) as loaded:
        name = f"{type(loaded).__name__} of transformers {_version()}"
        return TokenizerReport(
            backend=name, rows=len(texts), misread=tuple(compare(texts, expected, _encoder(loaded)))
        )


def compare(
    texts: Iterable[str], tokenizer: Tokenizer, encode: Callable[[str], list[int]]
) -> Iterator[TokenMismatch]:
    """Yield the rows of which ``encode`` gives other ids than the tokenizer that parses control tokens.

    Args:
        texts: The rows'.
        tokenizer: What gives the right ids.
        encode: Gives a text's ids with those that it adds around them.
    """
    for row, text in enumerate((text.rstrip() for text in texts), 1):
        ids = encode(text)
        bare = tokenizer.encode(text, parse_special=True)
        right = [*tokenizer.prefix, *bare, *tokenizer.suffix]
        if ids == right:
            continue
        spelled = tokenizer.encode(text, parse_special=False)
        pairs = enumerate(zip(ids, right, strict=False))
        place = next((i for i, (one, other) in pairs if one != other), min(len(ids), len(right)))
        yield TokenMismatch(
            row=row,
            index=place,
            expected=tokenizer.decode(right[place : place + 1]),
            found=tokenizer.decode(ids[place : place + 1]),
            reason=_reason(ids, tokenizer, bare, spelled),
        )


def _reason(ids: list[int], tokenizer: Tokenizer, bare: list[int], spelled: list[int]) -> str:
    before, behind = list(tokenizer.prefix), list(tokenizer.suffix)
    if ids == [*before, *spelled, *behind]:
        return "control tokens are read as letters"
    if ids == bare:
        return "no BOS stands before it"
    if ids == spelled:
        return "control tokens are read as letters, and no BOS stands before it"
    return "the text is split otherwise"


def _encoder(loaded: Any) -> Callable[[str], list[int]]:
    def encode(text: str) -> list[int]:
        return list(loaded(text)["input_ids"])

    return encode


@contextmanager
def _loaded(backend: Backend, tokenizer: Tokenizer, file: Path | None) -> Iterator[Any]:
    """Load a tokenizer of transformers from the files that it would find, and no others."""
    transformers = _transformers()
    kind = "MistralCommonBackend" if backend == "mistral-common" else "TokenizersBackend"
    with TemporaryDirectory(prefix="calibset-") as made:
        folder = Path(made)
        if backend == "fast":
            _place_fast(tokenizer, file, folder)
        else:
            _place_tekken(tokenizer, file, folder)
        try:
            loaded = getattr(transformers, kind).from_pretrained(str(folder))
        except Exception as error:  # each class raises what it likes
            raise TokenizerError(
                f"{tokenizer.name}: transformers can't load it as {kind}: {error}"
            ) from error
        yield loaded


def _place_fast(tokenizer: Tokenizer, file: Path | None, folder: Path) -> None:
    if isinstance(tokenizer, TekkenTokenizer):
        write_fast_tokenizer(tokenizer, folder)
        return
    if file is None:
        raise TokenizerError(f"{tokenizer.name}: there is no tokenizer.json, so this backend can't be loaded")
    shutil.copyfile(file, folder / "tokenizer.json")
    for name in ("tokenizer_config.json", "special_tokens_map.json", "config.json"):
        if (file.parent / name).is_file():
            shutil.copyfile(file.parent / name, folder / name)


def _place_tekken(tokenizer: Tokenizer, file: Path | None, folder: Path) -> None:
    if file is None and isinstance(tokenizer, TekkenTokenizer):
        (folder / "tekken.json").write_text(tekken_json(tokenizer), "utf-8")
        return
    found = file if isinstance(tokenizer, TekkenTokenizer) else file and file.parent / "tekken.json"
    if found is None or not found.is_file():
        raise TokenizerError(f"{tokenizer.name}: there is no tekken.json, so this backend can't be loaded")
    shutil.copyfile(found, folder / "tekken.json")


def _transformers() -> Any:
    try:
        transformers = quiet_transformers()
    except ImportError as error:
        raise TokenizerError(
            "--backend asks transformers, which is not installed; pip install 'calibset[transformers]'"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    return transformers


def _version() -> str:
    from importlib.metadata import version

    return version("transformers")
