"""The name of a file whose URL tells nothing of what it is: what the server calls it and says that it is."""

from __future__ import annotations

import re

# The suffixes of files that an adapter reads.
_SUFFIXES = re.compile(
    r"\.(?:csv|tsv|jsonl?|ndjson|txt|text|md|markdown|rst|html?|parquet|arrow|feather|xls[xm]|xml|owl|rdf|ttl|nt"
    r"|n3|nq|trig|obo|gz|bz2|xz|zst)$",
    re.IGNORECASE,
)
_MEDIA_TYPES = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/json-lines": ".jsonl",
    "application/jsonlines": ".jsonl",
    "application/x-jsonlines": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/ndjson": ".jsonl",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-rst": ".rst",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/vnd.apache.parquet": ".parquet",
    "application/x-parquet": ".parquet",
    "application/vnd.apache.arrow.file": ".arrow",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "text/turtle": ".ttl",
    "application/rdf+xml": ".rdf",
    "application/n-triples": ".nt",
}
_COLUMNAR = ((b"PAR1", ".parquet"), (b"ARROW1", ".arrow"))
_NAMELESS = "download"


def tells_kind(name: str) -> bool:
    """Return whether a name's suffix tells what a file is.

    Examples:
        >>> [tells_kind(name) for name in ("rows.CSV", "rows.jsonl.gz", "download", "export.php")]
        [True, True, False, False]
    """
    return _SUFFIXES.search(name) is not None


def choose_name(name: str, *, told: str = "", media_type: str = "", head: bytes = b"") -> str:
    """Return what a file is called: by its URL, or else by what the server says of it.

    Args:
        name: The last part of the URL's path.
        told: What the server calls the file.
        media_type: What the server says that it is.
        head: Its first bytes, which go before what the server says.

    Examples:
        >>> choose_name("download", media_type="text/csv")
        'download.csv'
        >>> choose_name("download", told="a.jsonl.gz", media_type="text/csv")
        'a.jsonl.gz'
        >>> choose_name("download", told="a.parquet", head=b"text")
        'download'
    """
    name = name or _NAMELESS
    if tells_kind(name):
        return name
    for candidate in (told, name + _MEDIA_TYPES.get(media_type, "")):
        if tells_kind(candidate) and not (head and _is_columnar(candidate)):
            name = candidate
            break
    suffix = next((suffix for mark, suffix in _COLUMNAR if head.startswith(mark)), "")
    return told if suffix and _is_columnar(told) else name + suffix


def _is_columnar(name: str) -> bool:
    """Return whether a name is that of a file which its first bytes tell as well."""
    return name.lower().endswith((".parquet", ".arrow", ".feather"))
