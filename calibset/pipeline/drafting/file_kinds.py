"""What a file is, by its first bytes and its name: data of a kind that an adapter reads, or why it is not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from calibset.core.errors import CalibsetError
from calibset.sources.formats.web_page import SUFFIXES as PAGE_SUFFIXES
from calibset.storage.compression import open_decompressed
from calibset.storage.encodings import find_encoding
from calibset.storage.file_forms import describe_other_form
from calibset.storage.files import File

FileKind = Literal["text", "csv", "json", "parquet", "excel", "ontology", "wikipedia"]

_KINDS = get_args(FileKind)
_SUFFIXES: dict[str, FileKind] = {
    "txt": "text", "md": "text", "markdown": "text", "rst": "text", "text": "text",
    "html": "text", "htm": "text", "xhtml": "text",
    "csv": "csv", "tsv": "csv",
    "json": "json", "jsonl": "json", "ndjson": "json",
    "ttl": "ontology", "owl": "ontology", "rdf": "ontology", "nt": "ontology",
}  # fmt: skip
_PACKED = {
    "docx": "a Word document; save it as plain text (.txt)",
    "odt": "a LibreOffice document; save it as plain text (.txt)",
    "pptx": "a presentation; save its text as .txt",
    "ods": "a LibreOffice table; save it as CSV",
    "epub": "an e-book; save its text as .txt",
}
# In the order in which they are tried.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "parquet"),
    (b"%PDF", "a PDF; take its text out first (pdftotext FILE.pdf)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document; save it as .txt or .csv"),
    (b"{\\rtf", "an RTF document; save it as plain text (.txt)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"ARROW1", "an Arrow file; save it as parquet"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"GGUF", "a model"),
)
_ABOUT = re.compile(
    r"(readme|licen[cs]e|notice|attribution|changelog|contributing)(\.\w+)?|dataset_infos?\.json|"
    r"state\.json|.*\.manifest\.json|.*\.report\.html|.*\.toml|.*\.lock|\.gitattributes",
    re.IGNORECASE,
)
_HEAD = 2**16
_PAGE = re.compile(rb"\s*<(!doctype html|html|head)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that no source reads, and why."""

    name: str
    reason: str


def read_head(file: File) -> bytes:
    """Return the first 64 KiB of a file, decompressed, without a last line that is cut off."""
    with open_decompressed(file) as stream:
        head = stream.read(_HEAD)
    return (head[: head.rfind(b"\n") + 1] or head) if len(head) == _HEAD else head


def is_plain_so_far(file: File) -> bool:
    """Return whether a file goes on behind its first 64 KiB, which hold nothing but ASCII."""
    with open_decompressed(file) as stream:
        head = stream.read(_HEAD + 1)
    return len(head) > _HEAD and head.isascii()


def find_kind(file: File) -> FileKind | Unread:
    """Return what kind of data a file holds, or why none of it is read."""
    base = file.name.rsplit("/", 1)[-1]
    if _ABOUT.fullmatch(base):
        return Unread(file.name, "says something about the data")
    try:
        head = read_head(file)
    except CalibsetError as error:
        return Unread(file.name, str(error).removeprefix(f"{file.name}: "))
    suffix = file.stem.rpartition(".")[2].lower()
    known = _find_by_bytes(head, suffix) or _SUFFIXES.get(suffix)
    if known in ("text", "csv", "json") and b"\0" in head and find_encoding(head, "utf-8") == "utf-8":
        known = "is not text, whatever its name says"
    if known is None:
        known = f"its ending .{suffix} is not known" if "." in file.stem else "its name has no ending"
    return known if known in _KINDS else Unread(file.name, known)  # type: ignore[return-value]


def _find_by_bytes(head: bytes, suffix: str) -> str | None:
    """Return the kind, or the reason why it is not read, of a file whose bytes tell."""
    if not head.strip():
        return "empty"
    if head.startswith(b"PK\x03\x04"):
        if suffix in ("xlsx", "xlsm"):
            return "excel"
        return _PACKED.get(suffix) or describe_other_form(head)
    if head.lstrip().startswith((b"<doc id=", b"<mediawiki")):
        return "wikipedia"
    if _PAGE.match(head):
        return _SUFFIXES["html"] if suffix in PAGE_SUFFIXES else "a web page (HTML); give it the ending .html"
    own = (reason for mark, reason in _MARKS if head.startswith(mark))
    return next(own, None) or describe_other_form(head)
