"""The command that compares quantized models with their base."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from calibset.cli.compare_view import print_comparison
from calibset.cli.console import print_line, show_progress
from calibset.core.text import printable_json
from calibset.evaluation.compare import compare_named, require_html
from calibset.evaluation.comparing import Named


def compare(arguments: Namespace) -> int:
    """Compare models with their base: from measurements, or from model folders in one pass."""
    base, *others = (Named.parse(word) for word in (arguments.base, *arguments.others))
    page = require_html(Path(arguments.page)) if arguments.page is not None else None
    comparison = compare_named(
        base,
        others,
        data_set=arguments.data,
        page=page,
        tokenizer=arguments.tokenizer,
        ctx=arguments.ctx,
        score=arguments.score,
        windows=arguments.windows,
        generate=arguments.generate,
        prompts=arguments.prompts,
        dtype=arguments.dtype,
        device=arguments.device,
        batch=arguments.batch,
        offline=arguments.offline,
        bars=lambda: show_progress(quiet=arguments.quiet or arguments.json, unit="windows"),
    )
    if arguments.json:
        sys.stdout.write(printable_json(comparison.model_dump_json(indent=2)) + "\n")
    elif not arguments.quiet:
        print_comparison(comparison)
    if page is not None and not arguments.quiet:
        print_line(f"wrote {page}", stderr=arguments.json)
    return 0
