"""The progress of a build or a check, for whoever displays it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A function that is called as a build, a check or a plan goes on."""

    def __call__(self, source: str, done: int, asked: int | None) -> None:
        """Report that a source has given ``done`` of ``asked`` rows (of a check, records; of a plan, one)."""
        ...


def no_progress(source: str, done: int, asked: int | None) -> None:
    """Show nothing."""


def labelled(progress: Progress, label: str) -> Progress:
    """Return a progress function that adds a label to each source's name."""

    def report(source: str, done: int, asked: int | None) -> None:
        progress(f"{source} ({label})", done, asked)

    return report
