"""The command that compares quantized models with their base."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from calibset.cli.compare_view import print_comparison
from calibset.cli.console import print_line, show_progress
from calibset.core.text import printable_json
from calibset.evaluation.compare import compare as compare_models


def compare(arguments: Namespace) -> int:
    """Compare models with their base: from measurements, or from model folders in one pass."""
    quiet = arguments.quiet or arguments.json
    with show_progress(quiet=quiet, unit="windows") as progress:
        comparison = compare_models(
            arguments.base,
            arguments.others,
            arguments.data,
            page=arguments.page,
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
            progress=progress,
        )
    if arguments.json:
        sys.stdout.write(printable_json(comparison.model_dump_json(indent=2)) + "\n")
    elif not arguments.quiet:
        print_comparison(comparison)
    if arguments.page is not None and not arguments.quiet:
        print_line(f"wrote {Path(arguments.page)}", stderr=arguments.json)
    return 0
