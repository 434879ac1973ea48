"""Where a recipe says a corpus is: a hub repository, an https URL, or a local path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from calibset.core.errors import RecipeError

_HUB = "hf://datasets/"
_HTTPS = "https://"
# What the hub itself accepts as a name, bar its rule against runs of dots and dashes.
_REPO_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A dataset repository on the Hugging Face hub (or what ``HF_ENDPOINT`` names)."""

    repo_id: str


@dataclass(frozen=True, slots=True)
class Url:
    """A file at an https URL; or, where it ends in a slash, a folder of files to be named."""

    url: str


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A file or folder; relative to the data folder, else to the recipe."""

    path: Path


Location = HubDataset | Url | LocalPath


@dataclass(frozen=True, slots=True)
class Mirror:
    """URLs that begin with ``prefix`` are read from ``replacement`` instead."""

    prefix: str
    replacement: str

    @classmethod
    def parse(cls, text: str) -> Mirror:
        """Read ``PREFIX=REPLACEMENT``.

        Raises:
            RecipeError: It isn't of that form, or the prefix isn't https.

        Examples:
            >>> Mirror.parse("https://example.org/a/=http://127.0.0.1:8000/b/")
            Mirror(prefix='https://example.org/a/', replacement='http://127.0.0.1:8000/b/')
        """
        # A query in the prefix may hold "=" too, so the replacement's scheme marks the border.
        prefix, sign, replacement = text.partition("=http")
        if not sign or not prefix.startswith("https://"):
            raise RecipeError(f"--mirror {text}: must read https://PREFIX=https://REPLACEMENT")
        return cls(prefix, "http" + replacement)

    def apply(self, url: str) -> str | None:
        """Return the URL's replacement, or None where the prefix doesn't fit."""
        return self.replacement + url[len(self.prefix) :] if url.startswith(self.prefix) else None


def parse_location(text: str) -> Location:
    """Read one entry of a source's ``where``.

    Raises:
        ValueError: It is of no known form; the message says what one looks like.

    Examples:
        >>> parse_location("hf://datasets/NeelNanda/pile-10k")
        HubDataset(repo_id='NeelNanda/pile-10k')
    """
    if text.startswith(_HUB):
        repo_id = text[len(_HUB) :]
        if not _REPO_ID.fullmatch(repo_id):
            raise ValueError(f"must read hf://datasets/OWNER/NAME, got {text!r}")
        return HubDataset(repo_id)
    scheme = urlsplit(text).scheme if "://" in text else ""
    if scheme == "https":
        if "@" in urlsplit(text).netloc:  # it would stand in every manifest
            raise ValueError("must not hold a login; fetch the file by hand, or name a mirror with --mirror")
        return Url(text)
    if scheme:
        raise ValueError(f"must be hf://datasets/OWNER/NAME, https://… or a local path, got {text!r}")
    if not text.strip():
        raise ValueError("must not be empty")
    try:
        return LocalPath(Path(text).expanduser())
    except RuntimeError as error:
        raise ValueError(f"has no home folder that this machine knows, got {text!r}") from error


def redact_location(place: str) -> str:
    """Return a place as records name it: of an absolute path the last part, of a URL no query or fragment.

    A signed URL's query opens the file to whoever reads it.

    Examples:
        >>> redact_location("/home/me/corpora/pile"), redact_location("corpora/pile")
        ('pile', 'corpora/pile')
        >>> redact_location("https://example.org/a.jsonl?token=secret")
        'https://example.org/a.jsonl'
    """
    if place[: len(_HTTPS)].lower() == _HTTPS:
        return re.split("[?#]", place, maxsplit=1)[0]
    return Path(place).name if Path(place).is_absolute() or place.startswith("~") else place
