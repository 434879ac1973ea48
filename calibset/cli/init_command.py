"""The command `init`: a recipe for data of one's own."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli import init_view
from calibset.cli.console import print_json, show_progress
from calibset.cli.recipe_files import require_folder, require_free, require_toml
from calibset.core.atomic_write import write_atomically
from calibset.core.errors import RecipeError
from calibset.core.quantizer_names import DEFAULT_QUANTIZER
from calibset.storage.file_names import list_some

if TYPE_CHECKING:
    from calibset.pipeline.drafting.survey import SourceGuess, Survey


def init(arguments: Namespace) -> int:
    """Write a recipe for what the user names, and show a row of each source; or copy one of the gallery."""
    if arguments.gallery is not None:
        from calibset.cli.gallery_commands import copy_recipe

        return copy_recipe(arguments)
    if not arguments.inputs:
        raise RecipeError("init: name what to calibrate with, or a recipe of the gallery with --from NAME")
    from calibset.pipeline.drafting.draft import DraftOptions, draft_recipe
    from calibset.pipeline.drafting.inputs import parse_model
    from calibset.pipeline.drafting.survey import survey
    from calibset.storage import Cache, Storage

    path = _find_path(arguments)
    storage = Storage(recipe_folder=path.parent, cache=Cache.default(offline=arguments.offline))
    tokenizer = parse_model(arguments.tokenizer, path.parent) if arguments.tokenizer else None
    may_ask = sys.stdin.isatty() and not arguments.yes and not arguments.json
    output = Path(f"{path.stem}.jsonl")
    found = survey(arguments.inputs, storage, output, _ask_config if may_ask else None)
    if may_ask:
        if tokenizer is None and found.sources:
            tokenizer = _ask_model(found, path.parent)
        found = replace(found, sources=tuple(map(_ask_column, found.sources)))
    options = DraftOptions(
        tokenizer=tokenizer,
        quantizer=arguments.quantizer or DEFAULT_QUANTIZER,
        nsamples=arguments.nsamples,
        seqlen=arguments.seqlen,
        shares=dict(arguments.share),
    )
    with show_progress(quiet=arguments.quiet or not sys.stderr.isatty()) as progress:
        draft = draft_recipe(found, path, options, storage, progress)
    with write_atomically(path) as file:
        file.write(draft.text.encode())
    if arguments.json:
        print_json(init_view.draft_data(draft))
    elif not arguments.quiet:
        init_view.print_draft(draft)
    return 0


def _find_path(arguments: Namespace) -> Path:
    """Return where the recipe goes; refuse a path that is taken or can't be written."""
    from calibset.pipeline.drafting.inputs import find_label
    from calibset.pipeline.drafting.survey import slug

    path = Path(arguments.out or f"{slug(find_label(arguments.inputs[0])).lower()}.toml")
    require_toml(path)
    if slug(path.stem) != path.stem:
        raise RecipeError(f"--out {path}: names the recipe, so it must be letters, digits, . _ - only")
    require_free(path, force=arguments.force)
    require_folder(path)
    return path


def _ask_model(found: Survey, folder: Path) -> str | None:
    """Ask which model will be quantized, unless the data holds exactly one."""
    from calibset.pipeline.drafting.inputs import parse_model

    if len(found.tokenizers) == 1:
        return found.tokenizers[0]
    choices = f" ({', '.join(found.tokenizers)})" if found.tokenizers else ""
    answer = init_view.ask(f"Which model will be quantized? Its folder, or OWNER/NAME on the hub{choices}")
    return parse_model(answer, folder) if answer else None


def _ask_config(where: str, names: Sequence[str], default: str) -> str:
    """Ask which configuration of a dataset is meant."""
    there = list_some(names, 12)
    answer = init_view.ask(f"{where}: which configuration? {there}", default=default)
    if answer not in names:
        raise RecipeError(f"{where}: no configuration {answer!r}; there are {there}")
    return answer


def _ask_column(source: SourceGuess) -> SourceGuess:
    """Ask which column holds the text, where names don't tell."""
    if source.is_certain or len(source.candidates) < 2:
        return source
    first = source.candidates[0]
    answer = init_view.ask(
        f"{source.name}: which column holds the text? {', '.join(source.candidates[:12])}", default=first
    )
    if answer and answer not in source.candidates:
        raise RecipeError(f"{source.name}: no column {answer!r}; there are {', '.join(source.candidates)}")
    return source.with_column(answer or first)
