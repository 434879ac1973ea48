"""What the commands do that carry a calibration file further: report, card, quantization."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli.console import say
from calibset.errors import OutputError
from calibset.lockfile import lock_path
from calibset.manifest import Manifest, manifest_path, read_manifest

if TYPE_CHECKING:
    from calibset.cards import Companions

__all__ = ["card", "quantize_command", "report"]


def report(arguments: Namespace) -> int:
    """Write a page about a calibration file."""
    from calibset.report import write_report

    written = write_report(arguments.file, arguments.out, tokenizer=arguments.tokenizer)
    if not arguments.quiet:
        say(f"wrote {written}")
    return 0


def card(arguments: Namespace) -> int:
    """Print or write the card of a calibration file, or put it on the hub."""
    from calibset.cards import card_files, model_card_section, push_to_hub

    path = Path(arguments.file)
    manifest = _manifest(path)
    if arguments.model:
        sys.stdout.write(model_card_section(manifest, path.name))
        return 0
    also = _companions(path, manifest, arguments.recipe)
    if arguments.push:
        pushed = push_to_hub(path, arguments.push, private=not arguments.public, also=also)
        if not arguments.quiet:
            say(f"pushed {', '.join(pushed.files)} to {pushed.url}")
        return 0
    holdout = read_manifest(also.holdout) if also.holdout else None
    files = card_files(manifest, also.names(path), holdout=holdout)
    if arguments.out is None:
        sys.stdout.write(files["README.md"].decode("utf-8"))
        return 0
    for written in _written(Path(arguments.out), files):
        if not arguments.quiet:
            say(f"wrote {written}")
    return 0


def quantize_command(arguments: Namespace) -> int:
    """Print how AutoRound quantizes a model with a recipe's file."""
    from calibset.quantization import Job, model_facts, quantize_command, tokenizer_plan, version_of
    from calibset.recipe_file import load_recipe

    recipe = load_recipe(arguments.recipe, overrides=arguments.set, allow_code=arguments.allow_code)
    multimodal = True if arguments.multimodal else False if arguments.text_only else None
    job = Job(
        model=model_facts(arguments.model, multimodal),
        file=arguments.file or recipe.output or f"{recipe.name}.jsonl",
        nsamples=recipe.nsamples,
        seqlen=recipe.seqlen,
        tokenizer=tokenizer_plan(recipe.tokenizer, recipe.folder),
        version=version_of(arguments.autoround),
        options=recipe.quantization,
        ids=arguments.ids,
    )
    found = quantize_command(job)
    parts = {"command": found.command, "python": found.python}
    wanted = [arguments.only] if arguments.only else list(parts)
    sys.stdout.write("\n".join(parts[name] for name in wanted))
    return 0


def _manifest(path: Path) -> Manifest:
    manifest = read_manifest(path)
    if manifest is None:
        raise OutputError(f"{manifest_path(path)}: there is no manifest beside the file; build it again")
    return manifest


def _companions(path: Path, manifest: Manifest, recipe: str | None) -> Companions:
    """Return what stands beside a calibration file: its holdout, the recipe named, and the recipe's lock."""
    from calibset.calibration_set import holdout_path
    from calibset.cards import Companions

    held = holdout_path(path)
    has_holdout = manifest.other is not None and manifest.other.role == "holdout" and held.is_file()
    lock = lock_path(Path(recipe)) if recipe else None
    return Companions(
        holdout=held if has_holdout else None,
        recipe=Path(recipe) if recipe else None,
        lock=lock if lock and lock.is_file() else None,
    )


def _written(folder: Path, files: dict[str, bytes]) -> list[Path]:
    from calibset.storage.atomic import replaced_together

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: can't be made: {error.strerror}") from error
    paths = [folder / name for name in files]
    with replaced_together(*paths) as streams:
        for stream, content in zip(streams, files.values(), strict=True):
            stream.write(content)
    return paths
