"""The page: templates of this package, filled with figures, rows and plots."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from calibset.errors import OutputError
from calibset.hygiene.language import LEAST_LETTERS
from calibset.printable import printable
from calibset.report.drawing import plots_of
from calibset.report.figures import Figures
from calibset.report.samples import Samples

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["ensure_installed", "page"]


def page(file: str, figures: Figures, samples: Samples, notes: tuple[str, ...] = ()) -> str:
    """Return the page about a calibration file.

    Args:
        file: Its name.
        figures: All numbers.
        samples: The rows for the browser.
        notes: What whoever uses the tokenizer should know.

    Raises:
        OutputError: jinja2 or matplotlib is not installed.
    """
    ensure_installed()
    from markupsafe import Markup

    plots = {name: Markup(plot) for name, plot in plots_of(figures).items()}  # noqa: S704  (escaped)
    style, script = _asset("page.css"), _asset("browser.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            file=file,
            figures=figures,
            manifest=figures.manifest,
            samples=samples,
            notes=notes,
            plots=plots,
            least_letters=LEAST_LETTERS,
            style=Markup(style),  # noqa: S704  (this package's own, as are the script and escaped JSON)
            script=Markup(script),  # noqa: S704
            rows=Markup(samples.json),  # noqa: S704
            policy=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
            "base-uri 'none'; form-action 'none'",
        )
    )


def ensure_installed() -> None:
    """Make sure that what draws a page is installed.

    Raises:
        OutputError: jinja2 or matplotlib is not.
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise OutputError(
            f"a report needs jinja2 and matplotlib, and {error.name} is not installed; "
            "pip install 'calibset[report]'"
        ) from error


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("calibset.report", "templates"),
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


def _asset(name: str) -> str:
    return files("calibset.report").joinpath("templates", name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
