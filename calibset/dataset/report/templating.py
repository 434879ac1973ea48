"""Templates of this package, filled in so that only the templates themselves can be markup."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from calibset.core.text import printable
from calibset.hygiene.language import LEAST_LETTERS

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = "calibset.dataset.report"
_COLOURS = ".calibset {{ {light} }}\n@media (prefers-color-scheme: dark) {{ .calibset {{ {dark} }} }}\n"
# Notebooks say on the page's body which theme they have, whatever the browser prefers.
_NOTEBOOK = (
    "[data-jp-theme-light=true] .calibset, [data-vscode-theme-kind=vscode-light] .calibset {{ {light} }}\n"
    "[data-jp-theme-light=false] .calibset, [data-vscode-theme-kind=vscode-dark] .calibset {{ {dark} }}\n"
)
# Some notebooks' pages have a rem of 10 pixels; beside their text 14 look right.
_REM = 14.0


def read_asset(name: str) -> str:
    """Return the text of a style or script of this package."""
    return files(_PACKAGE).joinpath("templates", name).read_text("utf-8")


def page_style() -> str:
    """Return all styles of a standalone page."""
    return _colours() + read_asset("style.css") + read_asset("page.css")


def notebook_style() -> str:
    """Return all styles of a cell's output, with colours of the notebook's theme and sizes in pixels."""
    style = _colours(_NOTEBOOK) + read_asset("style.css") + read_asset("notebook.css")
    return re.sub(r"(?<![\w.])(\d*\.?\d+)rem\b", lambda match: f"{float(match[1]) * _REM:g}px", style)


def _colours(more: str = "") -> str:
    light, dark = (" ".join(read_asset(name).split()) for name in ("light.css", "dark.css"))
    return (_COLOURS + more).format(light=light, dark=dark)


def render(template: str, **values: Any) -> str:
    """Fill in a template of this package; everything that is not its own markup is escaped."""
    return render_from(_PACKAGE, template, **values)


def render_from(package: str, template: str, **values: Any) -> str:
    """Fill in a template of another package, which may use those of this one."""
    return _environment(package, _PACKAGE).get_template(template).render(values)


@cache
def _environment(*packages: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in dict.fromkeys(packages)]),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count="{:,}".format,
        fine_percent="{:.2%}".format,
        json=partial(json.dumps, indent=2, ensure_ascii=False),
        mean="{:,.1f}".format,
        median=lambda value: f"{value:,.1f}".removesuffix(".0"),
        percent="{:.1%}".format,
        rounded="{:,.0f}".format,
    )
    environment.globals.update(least_letters=LEAST_LETTERS)
    return environment


def _printable(value: Any) -> Any:
    """Escape characters that could steer the page in all text except the package's own markup."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
