"""The commands that put a calibration file to use: report, card, quantize-command."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli.console import print_json, print_line, print_lines
from calibset.cli.recipe_files import load_recipe
from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.calibration_file import CalibrationFile
from calibset.dataset.lockfile import lock_path
from calibset.dataset.manifest import Manifest

if TYPE_CHECKING:
    from calibset.dataset.hub_upload import RelatedFiles
    from calibset.recipe.model import Recipe


def report(arguments: Namespace) -> int:
    """Write a page about a calibration file."""
    from calibset.dataset.report import write_report

    path = write_report(arguments.file, arguments.out, tokenizer=arguments.tokenizer)
    if arguments.json:
        print_json({"written": [str(path)]})
    elif not arguments.quiet:
        print_line(f"wrote {path}")
    return 0


def card(arguments: Namespace) -> int:
    """Print or write the card of a calibration file, or upload both to the hub."""
    from calibset.dataset.cards.dataset_card import card_files
    from calibset.dataset.cards.model_card import model_card_section
    from calibset.dataset.hub_upload import RelatedFiles

    _require_fitting_options(arguments)
    if arguments.file is None:
        sys.stdout.write(_benchmarks(arguments))
        return 0
    path = Path(arguments.file)
    file = _open_file(path)
    if file.manifest is None and not (arguments.push or arguments.model):
        return _write_plain_card(file, arguments)
    manifest = file.require_manifest()
    if arguments.model:
        sys.stdout.write(model_card_section(manifest, RelatedFiles().names(path).file))
        if arguments.evaluation or arguments.throughput:
            sys.stdout.write("\n" + _benchmarks(arguments))
        return 0
    related = _find_related_files(file, manifest, arguments)
    if arguments.push:
        return _push(path, related, arguments)
    holdout = Manifest.read(related.holdout) if related.holdout else None
    files = card_files(manifest, related.names(path), holdout=holdout)
    if arguments.out is None:
        sys.stdout.write(files["README.md"].decode("utf-8"))
        return 0
    _print_written(_write_files(Path(arguments.out), files), arguments)
    return 0


def _benchmarks(arguments: Namespace) -> str:
    from calibset.evaluation.card import benchmark_sections

    return benchmark_sections(
        [Path(name) for name in arguments.evaluation], [Path(name) for name in arguments.throughput]
    )


def _print_written(paths: Sequence[Path], arguments: Namespace) -> None:
    if arguments.json:
        print_json({"written": [str(path) for path in paths]})
    elif not arguments.quiet:
        print_lines(f"wrote {path}" for path in paths)


def _write_plain_card(file: CalibrationFile, arguments: Namespace) -> int:
    """Print or write what the rows alone tell of a file without a manifest."""
    from calibset.dataset.cards.plain_card import plain_card

    text = plain_card(file, tokenizer=arguments.tokenizer)
    if arguments.out is None:
        sys.stdout.write(text)
        return 0
    for written in _write_files(Path(arguments.out), {"README.md": text.encode("utf-8")}):
        if not arguments.quiet:
            print_line(f"wrote {written}")
    return 0


def quantize_command(arguments: Namespace) -> int:
    """Print how the recipe's quantizer quantizes a model with a recipe's file."""
    recipe = load_recipe(arguments)
    if recipe.quantizer == "autoround":
        parts = _autoround_parts(recipe, arguments)
    else:
        parts = _export_parts(recipe, arguments)
    if arguments.json:
        print_json(parts)
    else:
        sys.stdout.write(parts.get(arguments.only, "") if arguments.only else "\n".join(parts.values()))
    return 0


def _export_parts(recipe: Recipe, arguments: Namespace) -> dict[str, str]:
    """Return the command that exports the recipe's file, and what makes its quantizer read it."""
    from calibset.dataset.export import explain_usage

    if arguments.ids or arguments.autoround or arguments.multimodal or arguments.text_only:
        raise RecipeError(
            "--ids, --autoround, --multimodal, --text-only: are AutoRound's, and the recipe's quantizer is "
            f"{recipe.quantizer}"
        )
    file = Path(arguments.file or recipe.file)
    if not os.path.isfile(file):  # noqa: PTH113  (Path's raises on a name too long)
        raise OutputError(f"{file}: is not there yet; build it first, or name another with --file")
    usage = explain_usage(file, recipe.quantizer)
    export = f"calibset export {shlex.quote(str(file))} --for {recipe.quantizer}\n"
    if usage.startswith(("import ", "from ")):
        model = f"MODEL = {arguments.model!r}\n" if "MODEL" in usage else ""
        return {"command": export, "python": f"{model}{usage}\n"}
    words = [arguments.model if word == "MODEL" else word for word in shlex.split(usage)]
    return {"command": f"{export}{shlex.join(words)}\n"}


def _autoround_parts(recipe: Recipe, arguments: Namespace) -> dict[str, str]:
    """Return AutoRound's command line and Python code."""
    from calibset.dataset.token_faults import find_faults_of_file
    from calibset.quantizers.autoround.command import quantize_command
    from calibset.quantizers.autoround.model_files import inspect_model
    from calibset.quantizers.autoround.run import QuantizationRun, locate_tokenizer
    from calibset.quantizers.autoround.versions import choose_version

    multimodal = True if arguments.multimodal else False if arguments.text_only else None
    model = inspect_model(arguments.model, multimodal)
    file = arguments.file or str(recipe.file)
    read = Path(arguments.ids or file)
    faults = find_faults_of_file(
        read, recipe.tokenizer, recipe.folder, seqlen=recipe.seqlen, embedding_count=model.embedding_count
    )
    run = QuantizationRun(
        model=model,
        file=file,
        nsamples=recipe.nsamples,
        seqlen=recipe.seqlen,
        tokenizer=locate_tokenizer(recipe.tokenizer, recipe.folder),
        version=choose_version(arguments.autoround),
        options=recipe.quantization,
        ids=arguments.ids,
        file_exists=os.path.isfile(read),  # noqa: PTH113  (Path's raises on a name too long)
        missing_embeddings=faults.missing_embeddings,
        older_loader=faults.older_loader,
    )
    commands = quantize_command(run)
    return {"command": commands.command, "python": commands.python}


def _require_fitting_options(arguments: Namespace) -> None:
    if arguments.public and not arguments.push:
        raise RecipeError("--public: goes with --push alone; what is written here nobody else sees")
    measured = arguments.evaluation or arguments.throughput
    if measured and not arguments.model:
        raise RecipeError("--evaluation, --throughput: go with --model; the card of a file has no benchmarks")
    if arguments.file is None and not measured:
        raise RecipeError("card: name a calibration file, or with --model what was measured (--evaluation)")
    if arguments.model and arguments.recipe:
        raise RecipeError("--recipe: a model's section names no recipe; leave it out")
    if arguments.recipe and not os.path.isfile(arguments.recipe):  # noqa: PTH113  (Path's raises)
        raise RecipeError(f"--recipe {arguments.recipe}: there is no such file")


def _open_file(path: Path) -> CalibrationFile:
    if path.name.endswith(".manifest.json"):
        raise RecipeError(f"{path}: is a manifest; name the calibration file that it belongs to")
    return CalibrationFile.open(path)


def _require_recipe_of(manifest: Manifest, path: Path) -> None:
    """Refuse a recipe that doesn't give the file when it is built, since the card says that it does."""
    from calibset.dataset.diff import diff
    from calibset.recipe.loader import load_recipe
    from calibset.recipe.portable import portable_recipe

    recipe = portable_recipe(load_recipe(path))
    if differences := diff(manifest, manifest.model_copy(update={"recipe": recipe})):
        first = "; ".join(str(difference) for difference in differences[:3])
        raise RecipeError(
            f"--recipe {path}: is not what the file was built with ({first}): write what --set changed into "
            "it, or leave it out; the manifest holds the recipe in any case"
        )


def _push(path: Path, related: RelatedFiles, arguments: Namespace) -> int:
    from calibset.dataset.hub_upload import HubUpload, push_to_hub

    upload = HubUpload.read(path, related)
    if arguments.public and not (arguments.quiet or arguments.json):
        for note in upload.notes:
            print_line(f"note: {note}")
    pushed = push_to_hub(upload, arguments.push, private=not arguments.public)
    if arguments.json:
        print_json({"pushed": list(pushed.files), "url": pushed.url})
    elif not arguments.quiet:
        print_line(f"pushed {', '.join(pushed.files)} to {pushed.url}")
    return 0


def _find_related_files(file: CalibrationFile, manifest: Manifest, arguments: Namespace) -> RelatedFiles:
    """Return what belongs to a calibration file: its holdout, the recipe named, and the recipe's lock."""
    from calibset.dataset.hub_upload import RelatedFiles

    holdout = file.find_holdout()
    if holdout is None and manifest.has_holdout and not arguments.quiet:
        fault = file.find_pair_fault() or f"the holdout of {file.path} is not where it was written"
        note = f"note: {fault}; the card has {file.path.name} alone"
        print_line(note, stderr=True)  # the card may go to standard output
    recipe = Path(arguments.recipe) if arguments.recipe else None
    if recipe is not None:
        _require_recipe_of(manifest, recipe)
    lock = lock_path(recipe) if recipe else None
    return RelatedFiles(
        holdout=holdout.path if holdout else None,
        recipe=recipe,
        lock=lock if lock and lock.is_file() else None,
    )


def _write_files(folder: Path, files: dict[str, bytes]) -> list[Path]:
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
