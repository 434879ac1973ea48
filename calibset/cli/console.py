"""Where the command line prints: tables and progress bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from calibset.core.short_forms import count
from calibset.core.text import printable, printable_line

if TYPE_CHECKING:
    from calibset.core.progress import Progress

# A file or pipe has no width to keep to, and no table in it must be cut.
_WIDTH_OF_A_FILE = 140
_STYLES = {"calibset: ": "bold red", "note: ": "yellow", "wrote ": "green"}
"""How the words at the head of a line are coloured, on a terminal that shows colours."""


class _Console(Console):
    """A console that spells out characters which could steer the terminal, wherever they come from."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable_line(text), **options)

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704  (rich calls it where the error is being handled, and would exit with 1)


def open_console(*, stderr: bool = False) -> Console:
    """Return a console on standard output or standard error."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    return _Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def print_line(line: str, *, stderr: bool = False, folds: bool = True) -> None:
    """Print a line, however long it is; a terminal folds it between words.

    Args:
        line: The line.
        stderr: Whether it goes to standard error.
        folds: Whether it is one line of words; else it is printed as it is, to be copied, line ends included.
    """
    console = open_console(stderr=stderr)
    text = Text(printable_line(line) if folds else printable(line))
    for words, style in _STYLES.items():
        if line.startswith(words):
            text.stylize(style, 0, len(words))
    # A word that is longer than a line, such as a path, is left to the terminal, so that it can be copied.
    if console.is_terminal and folds and all(len(word) < console.width for word in text.plain.split()):
        console.print(text)
    else:
        console.print(text, soft_wrap=True)


def print_lines(lines: Iterable[str]) -> None:
    """Print several lines."""
    for line in lines:
        print_line(line)


def print_error(line: str) -> None:
    """Print the line of an error to standard error."""
    print_line(f"calibset: {line}", stderr=True)


def print_json(data: Any) -> None:
    """Print data as JSON in ASCII."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def create_table(*left: str, **right: str) -> Table:
    """Return an empty table of columns that are aligned left, followed by others that are aligned right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right")
    return table


def shorten_location(location: str) -> str:
    """Return a location that fits a table: of a URL the host, the first folder and the file's name.

    Examples:
        >>> shorten_location("https://example.org/me/corpora/2024/data.json")
        'example.org/me/…/data.json'
    """
    if not location.startswith("https://"):
        return location.removeprefix("hf://datasets/")
    host, *path = location.removeprefix("https://").rstrip("/").split("/")
    return location if len(path) < 3 else f"{host}/{path[0]}/…/{path[-1]}"


def format_size(size: int | None) -> str:
    """Return a number of bytes as people read it; a question mark if it is unknown."""
    if size is None:
        return "?"
    from rich.filesize import decimal

    return decimal(size)


@contextmanager
def show_progress(*, quiet: bool, unit: str = "rows") -> Iterator[Progress]:
    """Give a build something to report its progress to: bars on a terminal, a line per source elsewhere."""
    from calibset.core.progress import draw_bars, no_progress

    if quiet:
        yield no_progress
    elif sys.stderr.isatty():
        with draw_bars(unit) as report:
            yield report
    else:

        def report_line(source: str, done: int, asked: int | None) -> None:
            if done == asked:
                print(f"{printable_line(source)}: {count(done, unit[:-1])}", file=sys.stderr, flush=True)  # noqa: T201

        yield report_line


@contextmanager
def show_status(*, quiet: bool) -> Iterator[Progress | None]:
    """Give a plan something to say what it is at, which a terminal shows while it lasts."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with open_console(stderr=True).status("") as status:

        def report(source: str, done: int, asked: int | None) -> None:  # noqa: ARG001  (one source, one step)
            status.update(f"trying {printable_line(source)} …")

        yield report
