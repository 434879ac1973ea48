"""Where a recipe says a corpus is: a hub repository, an https URL, or a local path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from calibset.core.errors import RecipeError

JOINT = " + "
"""What stands between locations that are read together, and between their commits."""

REPO_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
"""``OWNER/NAME`` as the hub itself accepts it, except for its rule against runs of dots and dashes."""

_HUB = "hf://datasets/"
_HTTPS = "https://"


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A dataset repository on the Hugging Face hub (or what ``HF_ENDPOINT`` names).

    Attributes:
        repo_id: ``OWNER/NAME``.
        pattern: The path or pattern of the files that are meant; all if empty.
    """

    repo_id: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Url:
    """A file at an https URL or, if the URL ends in a slash, a folder whose files the recipe names."""

    url: str


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A local file or folder; a relative path is looked up in the data folder, then the recipe's folder."""

    path: Path


Location = HubDataset | Url | LocalPath


@dataclass(frozen=True, slots=True)
class Mirror:
    """A server to read from instead of another: in URLs, ``prefix`` becomes ``replacement``."""

    prefix: str
    replacement: str

    @classmethod
    def parse(cls, text: str) -> Mirror:
        """Read ``PREFIX=REPLACEMENT``.

        Raises:
            RecipeError: The text isn't of that form, or the prefix isn't https.

        Examples:
            >>> Mirror.parse("https://example.org/a/=http://127.0.0.1:8000/b/")
            Mirror(prefix='https://example.org/a/', replacement='http://127.0.0.1:8000/b/')
        """
        # A query in the prefix may hold "=" too, so the one before a scheme is looked for.
        prefix, separator, replacement = text.partition("=http")
        if not separator or not prefix.startswith("https://"):
            raise RecipeError(f"--mirror {text}: must read https://PREFIX=https://REPLACEMENT")
        return cls(prefix, "http" + replacement)

    def apply(self, url: str) -> str | None:
        """Return the URL to read from instead, or None if the URL doesn't begin with the prefix."""
        return self.replacement + url[len(self.prefix) :] if url.startswith(self.prefix) else None


def parse_location(text: str) -> Location:
    """Read one entry of a source's ``where``.

    Raises:
        ValueError: The text has none of the known forms; the message lists them.

    Examples:
        >>> parse_location("hf://datasets/NeelNanda/pile-10k")
        HubDataset(repo_id='NeelNanda/pile-10k', pattern='')
        >>> parse_location("hf://datasets/NeelNanda/pile-10k/data/*.parquet").pattern
        'data/*.parquet'
    """
    if text.startswith(_HUB):
        parts = text[len(_HUB) :].split("/", 2)
        repo_id, pattern = "/".join(parts[:2]), "".join(parts[2:])
        is_path = not pattern or all(part not in ("", ".", "..") for part in pattern.rstrip("/").split("/"))
        if not (REPO_ID.fullmatch(repo_id) and is_path):
            raise ValueError(f"must read hf://datasets/OWNER/NAME, got {text!r}")
        return HubDataset(repo_id, pattern)
    scheme = urlsplit(text).scheme if "://" in text else ""
    if scheme == "https":
        if "@" in urlsplit(text).netloc:  # the login would stand in every manifest
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


def redact_location(location: str) -> str:
    """Return a location as manifests and messages may name it, without what is private.

    An absolute path is reduced to its last part. A URL loses its query and fragment: the query of a
    signed URL gives access to the file. Of locations that are joined, each is named so.

    Examples:
        >>> redact_location("/home/me/corpora/pile"), redact_location("corpora/pile")
        ('pile', 'corpora/pile')
        >>> redact_location("https://example.org/a.jsonl?token=secret")
        'https://example.org/a.jsonl'
    """
    if JOINT in location:
        return JOINT.join(map(redact_location, location.split(JOINT)))
    if location[: len(_HTTPS)].lower() == _HTTPS:
        return re.split("[?#]", location, maxsplit=1)[0]
    path = Path(location)
    return path.name if path.is_absolute() or location.startswith("~") else location
