"""The report on a calibration file, as HTML text and as a file."""

from __future__ import annotations

import base64
import hashlib
from importlib.util import find_spec
from pathlib import Path

from calibset.core.atomic_write import write_atomically
from calibset.core.errors import OutputError
from calibset.core.installation import install_command
from calibset.dataset.calibration_file import CalibrationFile
from calibset.dataset.report.browser_rows import BrowserRows, write_browser_rows
from calibset.dataset.report.figures import Figures, compute_figures
from calibset.dataset.report.plain import compute_plain_figures
from calibset.dataset.report.plots import draw_plots
from calibset.dataset.report.rows import read_rows
from calibset.dataset.report.templating import page_style, read_asset, render
from calibset.tokenizers import ControlTokens

# Duplicates, and contaminated documents, of a source that are named.
_LISTED = 200


def report_path(file: Path) -> Path:
    """Return the default path of a calibration file's report: ``x.report.html`` for ``x.jsonl``."""
    return file.parent / f"{file.stem}.report.html"


def write_report(file: str | Path, out: str | Path | None = None, *, tokenizer: str | None = None) -> Path:
    """Write a page about a calibration file: what is in it, where it comes from, and each of its rows.

    The page needs no network and loads nothing; the same file gives the same bytes.

    Args:
        file: The calibration file. Without a manifest beside it the page has what its rows alone tell.
        out: The ``.html`` file to write; by default ``x.report.html`` beside ``x.jsonl``.
        tokenizer: The target model's tokenizer, by name or path; by default the manifest's.

    Returns:
        The path of the file written.

    Raises:
        QuantizerError: The file can't be read.
        OutputError: The manifest belongs to another file, ``out`` can't be written, or
            matplotlib is not installed.
        TokenizerError: The tokenizer can't be loaded, or isn't the one that measured the rows.
    """
    target = report_path(Path(file)) if out is None else Path(out)
    if target.suffix not in (".html", ".htm"):
        raise OutputError(f"{target}: a report must end in .html")
    text = report_html(file, tokenizer=tokenizer)
    with write_atomically(target) as stream:
        stream.write(text.encode("utf-8"))
    return target


def report_html(file: str | Path, *, tokenizer: str | None = None) -> str:
    """Return the page that `write_report` writes.

    Args:
        file: The calibration file. Without a manifest beside it the page has what its rows alone tell.
        tokenizer: The target model's tokenizer, by name or path; by default the manifest's.

    Raises:
        QuantizerError: The file can't be read.
        OutputError: The manifest belongs to another file, or matplotlib is not installed.
        TokenizerError: The tokenizer can't be loaded, or isn't the one that measured the rows.
    """
    opened = CalibrationFile.open(file)
    if (manifest := opened.manifest) is None:
        return _render_plain_page(opened, tokenizer)
    require_matplotlib()
    measure = opened.tokenizer(tokenizer)
    rows = read_rows(opened.rows(measure), manifest, measure)
    control_tokens = ControlTokens.of(measure.special_tokens)
    around = len(measure.prefix) + len(measure.suffix)
    figures = compute_figures(manifest, rows, control_tokens, around=around)
    notes = (*measure.notes, *filter(None, (opened.find_pair_fault(),)))
    return render_page(opened.path.name, figures, write_browser_rows(rows, control_tokens), notes)


def render_page(file: str, figures: Figures, rows: BrowserRows, notes: tuple[str, ...] = ()) -> str:
    """Return the page about a calibration file.

    Args:
        file: The file's name.
        figures: All numbers.
        rows: The rows for the page's script.
        notes: What users of the tokenizer and the file should know.

    Raises:
        OutputError: matplotlib is not installed.
    """
    require_matplotlib()
    from markupsafe import Markup

    style, script = page_style(), read_asset("browser.js")
    return render(
        "page.html",
        notebook=False,
        file=file,
        figures=figures,
        manifest=figures.manifest,
        listed=_LISTED,
        notes=notes,
        plots={name: Markup(plot) for name, plot in draw_plots(figures).items()},  # noqa: S704  (escaped)
        style=Markup(style),  # noqa: S704  (this package's own, as are the script and escaped JSON)
        script=Markup(script),  # noqa: S704
        rows=rows,
        rows_data=Markup(rows.json),  # noqa: S704
        policy=write_policy(style, script),
    )


def _render_plain_page(file: CalibrationFile, tokenizer: str | None) -> str:
    """Return the page about a file without a manifest: what its rows alone tell."""
    from markupsafe import Markup

    measure = file.tokenizer(tokenizer)
    figures = compute_plain_figures(file, measure, tokenizer)
    rows = write_browser_rows(figures.rows, ControlTokens.of(measure.special_tokens))
    style, script = page_style(), read_asset("browser.js")
    return render(
        "plain.html",
        file=file.path.name,
        tokenizer=measure.name,
        figures=figures,
        notes=(*figures.report.fatal, *figures.report.warnings),
        style=Markup(style),  # noqa: S704  (this package's own, as are the script and escaped JSON)
        script=Markup(script),  # noqa: S704
        rows=rows,
        rows_data=Markup(rows.json),  # noqa: S704
        policy=write_policy(style, script),
    )


def write_policy(style: str, script: str = "") -> str:
    """Return the policy of a page that has one style and at most one script."""
    scripts = _digest(script) if script else "'none'"
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {scripts}; "
        "base-uri 'none'; form-action 'none'"
    )


def require_matplotlib() -> None:
    """Make sure that plots can be drawn.

    Raises:
        OutputError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise OutputError(f"a report needs matplotlib, which is not installed; {install_command('report')}")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
