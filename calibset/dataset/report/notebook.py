"""A calibration set in a notebook: the report's figures, plots and tables, and the first rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

from calibset.core.documents import Sample
from calibset.core.installation import install_command
from calibset.dataset.manifest import Manifest
from calibset.dataset.report.figures import compute_figures
from calibset.dataset.report.plots import draw_plots
from calibset.dataset.report.rows import BEYOND, CONTROL, SPELLED, convert_samples, split_row
from calibset.dataset.report.templating import notebook_style, render
from calibset.tokenizers import ControlTokens, Tokenizer

_ROWS = 5
_CHARACTERS = 20_000
_LISTED = 20
_KINDS = ("between documents", "whole", "part", "filler, cut")
_WITHOUT_PLOTS = "The plots need matplotlib, which is not installed: "


def notebook_html(
    manifest: Manifest, samples: Sequence[Sample], tokenizer: Tokenizer | None, notes: Sequence[str] = ()
) -> str:
    """Return a notebook's view of a calibration set, as an element with its own style and no script.

    Text from the corpora and the recipe is escaped, and characters that could steer the page are spelled
    out.

    Args:
        manifest: The record of the build.
        samples: The rows.
        tokenizer: The tokenizer that measured the rows; without it there are only two tables.
        notes: What users of the set should know.
    """
    if tokenizer is None:
        return render("notebook_short.html", manifest=manifest)
    from markupsafe import Markup

    control_tokens = ControlTokens.of(tokenizer.special_tokens)
    rows = convert_samples(samples, manifest.seqlen, tokenizer, _ROWS)
    around = len(tokenizer.prefix) + len(tokenizer.suffix)
    figures = compute_figures(manifest, rows, control_tokens, around=around)
    drawable = find_spec("matplotlib") is not None
    plots = draw_plots(figures) if drawable else {}
    return render(
        "notebook.html",
        notebook=True,
        file=None,
        figures=figures,
        manifest=manifest,
        listed=_LISTED,
        notes=(*notes, *(() if drawable else (_WITHOUT_PLOTS + install_command("report"),))),
        plots={name: Markup(plot) for name, plot in plots.items()},  # noqa: S704  (escaped)
        rows=[
            (row, split_row(replace(row, text=row.text[:_CHARACTERS]), control_tokens))
            for row in rows[:_ROWS]
        ],
        characters=_CHARACTERS,
        kinds=_KINDS,
        classes=_classes,
        style=Markup(notebook_style()),  # noqa: S704  (this package's own)
    )


def _classes(flags: int) -> str:
    names = ((CONTROL, "control"), (BEYOND, "beyond"), (SPELLED, "spelled"))
    return " ".join(name for flag, name in names if flags & flag)
