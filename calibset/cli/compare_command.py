"""The command that compares quantized models with their base."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from calibset.cli.compare_view import print_comparison
from calibset.cli.console import print_line, show_progress
from calibset.core.errors import RecipeError
from calibset.core.text import printable_json
from calibset.dataset.report.page import require_matplotlib
from calibset.evaluation.compare import Compared, Named, compare_measurements
from calibset.evaluation.page import write_page

_FOLDER_OPTIONS = ("data", "score", "windows", "generate", "dtype", "device", "batch")


def compare(arguments: Namespace) -> int:
    """Compare models with their base: from measurements, or from model folders in one pass."""
    base, *others = (Named.parse(word) for word in (arguments.base, *arguments.others))
    if page := _page_path(arguments.page):
        # Before hours of measuring, not after them.
        require_matplotlib()
    if _are_folders((base, *others), arguments):
        compared = _compare_folders(base, others, arguments)
    else:
        compared = compare_measurements(base, others, tokenizer=arguments.tokenizer)
    if page is not None:
        write_page(compared, page, tokenizer=arguments.tokenizer)
    if arguments.json:
        sys.stdout.write(printable_json(compared.comparison.model_dump_json(indent=2)) + "\n")
    elif not arguments.quiet:
        print_comparison(compared.comparison)
    if page is not None and not arguments.quiet:
        print_line(f"wrote {page}", stderr=arguments.json)
    return 0


def _are_folders(named: Sequence[Named], arguments: Namespace) -> bool:
    """Return whether models are to be run here, or measurements are compared."""
    for word in (arguments.base, *arguments.others):
        if "://" in word:
            raise RecipeError(f"{word}: is a server's address; measure it first with `calibset evaluate`")
    folders = [one.path for one in named if one.path.is_dir()]
    files = [one.path for one in named if not one.path.is_dir()]
    if folders and files:
        raise RecipeError(
            f"{folders[0]} is a folder, and {files[0]} is not; compare folders with folders, or measure each "
            "with `calibset evaluate` and compare what it writes"
        )
    if folders and arguments.data is None:
        raise RecipeError(
            f"{folders[0]}: is a model's folder; say with --data what the models are measured on"
        )
    given = [name for name in _FOLDER_OPTIONS if getattr(arguments, name) not in (None, [], "auto")]
    if files and given:
        raise RecipeError(
            f"--{given[0]}: is for models' folders; a measurement holds what it was measured on"
        )
    return bool(folders)


def _compare_folders(base: Named, others: Sequence[Named], arguments: Namespace) -> Compared:
    from calibset.cli.measured_data import open_measured_data, read_questions
    from calibset.evaluation.local_pass import compare_folders
    from calibset.evaluation.plan import make_plan
    from calibset.evaluation.tokenizer_check import find_tokenizer

    questions = read_questions(arguments)
    data = open_measured_data(arguments)
    tokenizer = find_tokenizer(data, arguments.tokenizer, str(base.path))
    plan = make_plan(data, tokenizer, questions)
    with show_progress(quiet=arguments.quiet or arguments.json, unit="windows") as progress:
        return compare_folders(
            base,
            others,
            data=data,
            plan=plan,
            questions=questions,
            tokenizer=tokenizer,
            progress=progress,
            dtype=arguments.dtype,
            device=arguments.device,
            batch=arguments.batch,
        )


def _page_path(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in (".html", ".htm"):
        raise RecipeError(f"--page {name}: a page must end in .html")
    return path
