"""The page: templates of this package, filled with figures, rows and plots."""

from __future__ import annotations

import base64
import hashlib

from calibset.errors import OutputError
from calibset.hygiene.language import LEAST_LETTERS
from calibset.report.drawing import plots_of
from calibset.report.figures import Figures
from calibset.report.samples import Samples
from calibset.report.templating import asset, filled, styled


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
    style, script = styled("page.css"), asset("browser.js")
    return filled(
        "page.html",
        notebook=False,
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


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
