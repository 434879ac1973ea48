"""The progress of a build, a check or a measurement; drawn on a terminal and in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from typing import Any, Protocol

from calibset.core.text import printable, printable_line

# Seconds between two drawings in a notebook, each of which is a message to the browser.
_PAUSE = 0.2


class Progress(Protocol):
    """A function that is called as a build, a check, a plan or a measurement goes on."""

    def __call__(self, source: str, done: int, asked: int | None) -> None:
        """Report that a source has given ``done`` of ``asked`` rows.

        Of a check they are records, of a plan one; a model that is measured has answered so many windows.
        """
        ...


def no_progress(source: str, done: int, asked: int | None) -> None:
    """Show nothing."""


def labelled(progress: Progress, label: str) -> Progress:
    """Return a progress function that adds a label to each source's name."""

    def report(source: str, done: int, asked: int | None) -> None:
        progress(f"{source} ({label})", done, asked)

    return report


@contextmanager
def show_progress(progress: Progress | None, unit: str = "rows") -> Iterator[Progress]:
    """Give what is to be called: the function if there is one, or else bars where somebody sees them.

    Args:
        progress: The function.
        unit: What is counted.
    """
    if progress is not None:
        yield progress
    elif _is_notebook():
        with _draw_in_notebook(unit) as drawn:
            yield drawn
    elif sys.stderr is not None and sys.stderr.isatty():
        with draw_bars(unit) as drawn:
            yield drawn
    else:
        yield no_progress


@contextmanager
def draw_bars(unit: str) -> Iterator[Progress]:
    """Draw a bar for each source on the terminal of standard error, and take them away at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(source: str, done: int, asked: int | None) -> None:
            if source not in tasks:
                tasks[source] = bars.add_task(printable_line(source), total=asked)
            bars.update(tasks[source], completed=done, total=asked)

        yield report


def _is_notebook() -> bool:
    """Return whether this runs in a notebook's kernel, which has imported IPython then."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


class _Html:
    """Something that a notebook shows as it is."""

    def __init__(self, html: str) -> None:
        self._html = html

    def _repr_html_(self) -> str:
        return self._html


@contextmanager
def _draw_in_notebook(unit: str) -> Iterator[Progress]:
    """Draw a bar for each source below a notebook's cell, and take them away at the end."""
    handle = import_module("IPython.display").display(_Html(""), display_id=True)
    counts: dict[str, tuple[int, int | None]] = {}
    drawn = 0.0

    def report(source: str, done: int, asked: int | None) -> None:
        nonlocal drawn
        counts[source] = (done, asked)
        if time.monotonic() - drawn > _PAUSE:
            handle.update(_Html("".join(_bar(name, *count, unit) for name, count in counts.items())))
            drawn = time.monotonic()

    try:
        yield report
    finally:
        handle.update(_Html(""))


def _bar(source: str, done: int, asked: int | None, unit: str) -> str:
    label, of = escape(printable(source)), f" of {asked:,}" if asked else ""
    bounds = f' value="{done}" max="{asked}"' if asked else ""
    return f"<div><progress{bounds}></progress> {label}: {done:,}{of} {unit}</div>"
