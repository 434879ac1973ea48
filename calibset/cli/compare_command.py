"""The command that compares quantized models with their base."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from calibset.cli.compare_view import print_comparison
from calibset.cli.console import print_line
from calibset.core.errors import RecipeError
from calibset.dataset.report.page import require_matplotlib
from calibset.evaluation.compare import Named, compare_measurements
from calibset.evaluation.page import write_page


def compare(arguments: Namespace) -> int:
    """Compare models with their base: from measurements, or from model folders in one pass."""
    named = [Named.parse(word) for word in (arguments.base, *arguments.others)]
    if page := _page_path(arguments.page):
        # Before hours of measuring, not after them.
        require_matplotlib()
    compared = compare_measurements(named[0], named[1:])
    if page is not None:
        write_page(compared, page, tokenizer=arguments.tokenizer)
    if arguments.json:
        sys.stdout.write(compared.comparison.model_dump_json(indent=2) + "\n")
    elif not arguments.quiet:
        print_comparison(compared.comparison)
    if page is not None and not arguments.quiet:
        print_line(f"wrote {page}", stderr=arguments.json)
    return 0


def _page_path(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in (".html", ".htm"):
        raise RecipeError(f"--page {name}: a page must end in .html")
    return path
