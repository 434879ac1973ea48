"""What the commands do that carry a calibration file further: report, card, quantization."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli.console import new_console, say
from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.calibration_file import CalibrationFile, holdout_path
from calibset.dataset.lockfile import lock_path
from calibset.dataset.manifest import Manifest

if TYPE_CHECKING:
    from calibset.dataset.hub_upload import RelatedFiles


def report(arguments: Namespace) -> int:
    """Write a page about a calibration file."""
    from calibset.dataset.report import write_report

    written = write_report(arguments.file, arguments.out, tokenizer=arguments.tokenizer)
    if not arguments.quiet:
        say(f"wrote {written}")
    return 0


def card(arguments: Namespace) -> int:
    """Print or write the card of a calibration file, or put it on the hub."""
    from calibset.dataset.cards.dataset_card import card_files
    from calibset.dataset.cards.model_card import model_card_section
    from calibset.dataset.hub_upload import RelatedFiles

    _ensure_options(arguments)
    path = Path(arguments.file)
    manifest = _manifest(path)
    if arguments.model:
        sys.stdout.write(model_card_section(manifest, RelatedFiles().names(path).file))
        return 0
    also = _companions(path, manifest, arguments)
    if arguments.push:
        return _push(path, also, arguments)
    holdout = Manifest.read(also.holdout) if also.holdout else None
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
    from calibset.quantizers.autoround.command import quantize_command
    from calibset.quantizers.autoround.model_files import inspect_model
    from calibset.quantizers.autoround.run import QuantizationRun, locate_tokenizer
    from calibset.quantizers.autoround.versions import choose_version
    from calibset.recipe.loader import load_recipe

    recipe = load_recipe(arguments.recipe, overrides=arguments.set, allow_code=arguments.allow_code)
    multimodal = True if arguments.multimodal else False if arguments.text_only else None
    run = QuantizationRun(
        model=inspect_model(arguments.model, multimodal),
        file=arguments.file or recipe.output or f"{recipe.name}.jsonl",
        nsamples=recipe.nsamples,
        seqlen=recipe.seqlen,
        tokenizer=locate_tokenizer(recipe.tokenizer, recipe.folder),
        version=choose_version(arguments.autoround),
        options=recipe.quantization,
        ids=arguments.ids,
    )
    printed = quantize_command(run)
    parts = {"command": printed.command, "python": printed.python}
    wanted = [arguments.only] if arguments.only else list(parts)
    sys.stdout.write("\n".join(parts[name] for name in wanted))
    return 0


def _ensure_options(arguments: Namespace) -> None:
    if arguments.public and not arguments.push:
        raise RecipeError("--public: goes with --push alone; what is written here nobody else sees")
    if arguments.model and arguments.recipe:
        raise RecipeError("--recipe: a model's section names no recipe; leave it out")
    if arguments.recipe and not os.path.isfile(arguments.recipe):  # noqa: PTH113  (Path's raises)
        raise RecipeError(f"--recipe {arguments.recipe}: there is no such file")


def _manifest(path: Path) -> Manifest:
    if path.name.endswith(".manifest.json"):
        raise RecipeError(f"{path}: is a manifest; name the calibration file that it stands beside")
    return CalibrationFile.open(path).require_manifest()


def _ensure_recipe_of(manifest: Manifest, path: Path) -> None:
    """Make sure that building the recipe gives the file, so that the card may say so."""
    from calibset.dataset.diff import diff
    from calibset.recipe.loader import load_recipe
    from calibset.recipe.portable import portable_recipe

    recipe = portable_recipe(load_recipe(path))
    if changed := diff(manifest, manifest.model_copy(update={"recipe": recipe})):
        named = "; ".join(str(one) for one in changed[:3])
        raise RecipeError(
            f"--recipe {path}: is not what the file was built with ({named}): write what --set changed into "
            "it, or leave it out; the manifest holds the recipe in any case"
        )


def _push(path: Path, also: RelatedFiles, arguments: Namespace) -> int:
    from calibset.dataset.hub_upload import HubUpload, push_to_hub

    upload = HubUpload.read(path, also)
    if arguments.public and not arguments.quiet:
        for note in upload.notes:
            say(f"note: {note}")
    pushed = push_to_hub(upload, arguments.push, private=not arguments.public)
    if not arguments.quiet:
        say(f"pushed {', '.join(pushed.files)} to {pushed.url}")
    return 0


def _companions(path: Path, manifest: Manifest, arguments: Namespace) -> RelatedFiles:
    """Return what stands beside a calibration file: its holdout, the recipe named, and the recipe's lock."""
    from calibset.dataset.hub_upload import RelatedFiles

    held = _holdout(path, manifest)
    if held is None and manifest.other and manifest.other.role == "holdout" and not arguments.quiet:
        note = f"note: the holdout of {path} is not where it was written; the card has {path.name} alone"
        new_console(stderr=True).print(note, soft_wrap=True)  # the card may go to standard output
    recipe = Path(arguments.recipe) if arguments.recipe else None
    if recipe is not None:
        _ensure_recipe_of(manifest, recipe)
    lock = lock_path(recipe) if recipe else None
    return RelatedFiles(holdout=held, recipe=recipe, lock=lock if lock and lock.is_file() else None)


def _holdout(path: Path, manifest: Manifest) -> Path | None:
    """Return the holdout that was built with a file, if it is found."""
    if manifest.other is None or manifest.other.role != "holdout":
        return None
    holdout = manifest.recipe.get("holdout")
    named = holdout.get("output") if isinstance(holdout, Mapping) else None
    found = [holdout_path(path)]
    if isinstance(named, str):
        # Relative to the folder of the build, which nothing tells; of an absolute path the name is left.
        found = [path.parent / named, path.with_name(Path(named).name), Path(named)]
    for one in found:
        about = Manifest.read(one) if one.is_file() else None
        if about is not None and about.sha256 == manifest.other.sha256:
            return CalibrationFile.open(one).path
    return None


def _written(folder: Path, files: dict[str, bytes]) -> list[Path]:
    from calibset.core.atomic_write import write_together
    from calibset.dataset.cards.overwrite import ensure_replaceable

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: can't be made: {error.strerror}") from error
    paths = [folder / name for name in files]
    ensure_replaceable(paths)
    with write_together(*paths) as streams:
        for stream, content in zip(streams, files.values(), strict=True):
            stream.write(content)
    return paths
