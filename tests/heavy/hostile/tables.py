"""CSV, JSON, JSON Lines and plain text that no program of good will writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.heavy.hostile.hostile_file import HostileFile

_CSV = {"type": "csv", "columns": ["text"]}
_JSONL = {"type": "jsonl"}
_TEXT = {"type": "text"}
_PARTS = {"type": "text", "separator": "###"}


def _repeated(unit: bytes, head: bytes = b"", tail: bytes = b"") -> Callable[[Path, int], None]:
    """Return a writer of a file of a head, as many repetitions of a unit as fit, and a tail."""

    def write(path: Path, size: int) -> None:
        path.write_bytes(head + unit * (size // len(unit)) + tail)

    return write


def _numbered(template: bytes, head: bytes = b"", tail: bytes = b"") -> Callable[[Path, int], None]:
    """Return a writer of a file of a template with a number that differs each time."""

    def write(path: Path, size: int) -> None:
        count = size // (len(template) + 5)
        path.write_bytes(head + b"".join(template % number for number in range(count)) + tail)

    return write


def _kinds(
    suffix: str, options: Mapping[str, Any], **writers: Callable[[Path, int], None]
) -> list[HostileFile]:
    return [
        HostileFile(
            name=f"{suffix}-{name.replace('_', '-')}", file_name=f"a.{suffix}", write=write, options=options
        )
        for name, write in writers.items()
    ]


KINDS: tuple[HostileFile, ...] = (
    *_kinds(
        "csv", _CSV,
        quotes=_repeated(b'"', b"text\n"),
        openers=_repeated(b'"a\n', b"text\n"),
        opener_then_lines=_repeated(b"a\n", b'text\n"'),
        opener_lines_of_quotes=_repeated(b'a"\n', b"text\n"),
        quoted_commas=_repeated(b'","', b"text\n"),
        rows=_repeated(b"a\n", b"text\n"),
        numbered_rows=_numbered(b"%d\n", b"text\n"),
        blank_lines=_repeated(b"\n", b"text\n"),
        empty_fields=_repeated(b'""\n', b"text\n"),
        endless_line=_repeated(b"a", b"text\n"),
        columns=_repeated(b",", b"text"),
        columns_of_a_row=_repeated(b",", b"text\n"),
        header_of_names=_numbered(b"c%d,", b"text,"),
        too_many_columns=_repeated(b"a,b\n", b"text\n"),
    ),
    *_kinds(
        "json", _JSONL,
        array_of_numbers=_repeated(b"1,", b"[", b"1]"),
        array_of_objects=_repeated(b"{},", b"[", b"{}]"),
        array_of_texts=_repeated(b'{"text":""},', b"[", b"{}]"),
        array_of_arrays=_repeated(b"[],", b"[", b"[]]"),
        nested=_repeated(b"["),
        nested_objects=_repeated(b'{"a":'),
        one_number=_repeated(b"1"),
        one_string=_repeated(b"a", b'[{"text":"', b'"}]'),
        escapes=_repeated(b"\\u0061", b'[{"text":"', b'"}]'),
        keys=_numbered(b'"k%d":1,', b"{", b'"text":""}'),
        rows_under_a_key=_repeated(b"{},", b'{"data":[', b"{}]}"),
        blank=_repeated(b" "),
        values=_repeated(b"1 "),
    ),
    *_kinds(
        "jsonl", _JSONL,
        numbers=_repeated(b"1\n"),
        objects=_repeated(b"{}\n"),
        same_text=_repeated(b'{"text":"x"}\n'),
        numbered=_numbered(b'{"text":"%d"}\n'),
        blank_lines=_repeated(b"\n"),
        lines_of_blanks=_repeated(b"  \n"),
        endless_line=_repeated(b"a"),
        endless_number=_repeated(b"1", b'{"text":', b"}\n"),
        nested=_repeated(b"[" * 900 + b"]" * 900 + b"\n"),
        broken=_repeated(b'{"\n'),
        carriage_returns=_repeated(b"\r"),
        many_keys=_numbered(b'"k%d":1,', b'{"text":"a",', b'"z":1}\n'),
        no_text=_repeated(b"\xff\n"),
        # As the search index of a wiki is dumped: every other line says what the next one is.
        cirrus=_numbered(b'{"index":{"_id":"%d"}}\n{"title":"T","text":""}\n'),
        cirrus_indexes=_numbered(b'{"index":{"_type":"page","_id":"%d"}}\n'),
    ),
    *_kinds(
        "txt", _PARTS,
        short_lines=_repeated(b"a\n"),
        separators=_repeated(b"###\n"),
        parts=_repeated(b"a\n###\n"),
        blank=_repeated(b"\n"),
        carriage_returns=_repeated(b"a\r"),
    ),
    *_kinds("whole.txt", _TEXT, short_lines=_repeated(b"a\n"), one_word=_repeated(b"a")),
    *_kinds(
        "marks.txt", {"type": "text", "separator": "<s>"},
        marks=_repeated(b"<s>"),
        lines=_repeated(b"a<s>\n"),
    ),
)  # fmt: skip
