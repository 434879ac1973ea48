from __future__ import annotations

import io
import sys
from types import ModuleType
from typing import Any

import pytest

from calibset.core.progress import draw_bars, no_progress, show_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_function_that_is_given_is_called() -> None:
    heard: list[str] = []
    with show_progress(lambda source, _done, _asked: heard.append(source)) as progress:
        progress("web", 1, 2)
    assert heard == ["web"]


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(None) as progress:
        assert progress is no_progress
        progress("web", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_bars_are_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with show_progress(None, "records") as progress:
        progress("w\x1beb", 1, 2)
        progress("w\x1beb", 2, 2)
    assert "w\\x1beb" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()
    assert "records" in terminal.getvalue()


def test_bars_elsewhere_are_no_fault() -> None:
    with draw_bars("rows") as progress:
        progress("web", 1, None)


def test_a_notebook_shows_a_bar_below_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, html: Any) -> None:
            shown.append(html._repr_html_())

    class Shell:
        kernel = "a kernel"

    def display(html: Any, *, display_id: bool) -> Handle:
        assert display_id
        shown.append(html._repr_html_())
        return Handle()

    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = Shell  # type: ignore[attr-defined]
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    with show_progress(None) as progress:
        progress("<web>", 1, 1000)
    assert shown == [
        "",
        '<div><progress value="1" max="1000"></progress> &lt;web&gt;: 1 of 1,000 rows</div>',
        "",
    ]
    package.get_ipython = lambda: None  # type: ignore[attr-defined]
    with show_progress(None) as progress:
        assert progress is no_progress
