"""What the command line writes to: tables and bars on a terminal, plain lines where nobody watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from calibset.core.text import printable

if TYPE_CHECKING:
    from rich.text import Text

    from calibset.pipeline.gathering import Progress

# Where nobody watches there is no width to keep to; a table must not be cut.
_WIDTH_OF_A_FILE = 140


class _Console(Console):
    """Spells out what could steer the terminal, wherever it comes from."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704  (rich calls it where the error is being handled, and would exit with 1)


def new_console(*, stderr: bool = False) -> Console:
    """Return a console on standard output or standard error."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    return _Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def say(line: str) -> None:
    """Print a line."""
    new_console().print(line, soft_wrap=True)


def emit_json(data: Any) -> None:
    """Print data as JSON, ASCII-escaped."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


@contextmanager
def progress(*, quiet: bool, what: str = "samples") -> Iterator[Progress | None]:
    """Give a build something to report to: bars on a terminal, a line a source elsewhere."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        yield from _bars(what)
    else:
        yield _lines(what)


def _bars(what: str) -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    tasks: dict[str, Any] = {}
    shown = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(what),
        TimeElapsedColumn(),
    )
    with Bars(*shown, console=new_console(stderr=True), transient=True) as bars:

        def report(source: str, done: int, asked: int | None) -> None:
            if source not in tasks:
                tasks[source] = bars.add_task(source, total=asked)
            bars.update(tasks[source], completed=done, total=asked)

        yield report


def _lines(what: str) -> Progress:
    def report(source: str, done: int, asked: int | None) -> None:
        if done == asked:
            print(f"{printable(source)}: {done} {what}", file=sys.stderr, flush=True)  # noqa: T201

    return report


def columns(*left: str, **right: str) -> Table:
    """Return an empty table: columns that begin at the left, then others that end at the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in left:
        made.add_column(name, overflow="fold")
    for name in right:
        made.add_column(name, justify="right")
    return made


def place_shown(place: str) -> str:
    """Return a place that fits a table: of a URL the host, the owner and the file's name.

    Examples:
        >>> place_shown("https://example.org/me/corpora/2024/data.json")
        'example.org/me/…/data.json'
    """
    if not place.startswith("https://"):
        return place.removeprefix("hf://datasets/")
    host, *path = place.removeprefix("https://").rstrip("/").split("/")
    return place if len(path) < 3 else f"{host}/{path[0]}/…/{path[-1]}"


def size_shown(count: int | None) -> str:
    """Return a number of bytes as people read it; a question mark if unknown."""
    if count is None:
        return "?"
    from rich.filesize import decimal

    return decimal(count)
