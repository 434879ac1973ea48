"""Templates of this package, filled so that nothing but they can be markup."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from calibset.core.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

_DARK = "@media (prefers-color-scheme: dark) {{ .calibset {{ {dark} }} }}\n"
# Notebooks say on the page's body which theme they have, whatever the browser prefers.
_NOTEBOOK = (
    "[data-jp-theme-light=true] .calibset, [data-vscode-theme-kind=vscode-light] .calibset {{ {light} }}\n"
    "[data-jp-theme-light=false] .calibset, [data-vscode-theme-kind=vscode-dark] .calibset {{ {dark} }}\n"
)
# Some notebooks' pages have a rem of 10 pixels; beside their text 14 look right.
_REM = 14.0


def asset(name: str) -> str:
    """Return a style or script of this package."""
    return files("calibset.dataset.report").joinpath("templates", name).read_text("utf-8")


def styled(name: str, *, notebook: bool = False) -> str:
    """Return all styles of a page: its colours, what pages share, and the file named.

    Args:
        name: The style that is this page's alone.
        notebook: Whether it stands in a notebook's page: colours are the notebook's theme's, and sizes
            don't depend on that page's.
    """
    light, dark = (" ".join(asset(one).split()) for one in ("light.css", "dark.css"))
    colours = f".calibset {{ {light} }}\n" + _DARK.format(dark=dark)
    style = colours + asset("style.css") + asset(name)
    if not notebook:
        return style
    style = colours + _NOTEBOOK.format(light=light, dark=dark) + asset("style.css") + asset(name)
    return re.sub(r"(?<![\w.])(\d*\.?\d+)rem\b", lambda found: f"{float(found[1]) * _REM:g}px", style)


def filled(template: str, **values: Any) -> str:
    """Return a template of this package, filled; whatever is no markup of this package's is escaped."""
    return _environment().get_template(template).render(values)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("calibset.dataset.report", "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=_count, mean=_mean, middle=_middle, part=_part, fine=_fine, json=_as_json
    )
    return environment


def _shown(value: Any) -> Any:
    """Spell out, in all text that stands on the page, what could steer it; markup is the package's own."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _count(value: int) -> str:
    return f"{value:,}"


def _mean(value: float) -> str:
    return f"{value:,.1f}"


def _middle(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _part(value: float) -> str:
    return f"{value:.1%}"


def _fine(value: float) -> str:
    return f"{value:.2%}"


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
