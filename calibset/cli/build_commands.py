"""The commands that build: plan, build, check, lock, and repack, whose recipe is made of a file."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.cli import check_view, lock_view, plan_view
from calibset.cli.build_summary import print_next_steps, print_summary
from calibset.cli.console import print_json, show_progress, show_status
from calibset.cli.source_lines import print_problems
from calibset.core.environment import DATA
from calibset.core.errors import CalibsetError, OutputError, RecipeError
from calibset.core.quantizer_names import DEFAULT_QUANTIZER
from calibset.dataset.calibration_file import holdout_path
from calibset.dataset.lockfile import lock_path
from calibset.dataset.manifest import manifest_path
from calibset.dataset.rejects import write_rejects
from calibset.quantizers import Quantizer, get_quantizer

if TYPE_CHECKING:
    from calibset.dataset.calibration_set import CalibrationSet
    from calibset.pipeline.locking import LockUse
    from calibset.recipe.model import Recipe


def plan(arguments: Namespace) -> int:
    """Show what a build would read, and try it; exits 1 if a build would fail."""
    from calibset.pipeline.plan import plan as make_plan

    recipe = _load_recipe(arguments)
    _require_outputs(recipe, arguments)
    with show_status(quiet=arguments.quiet) as progress:
        planned = make_plan(recipe, **_read_options(arguments), tries=not arguments.no_try, progress=progress)
    if arguments.json:
        print_json(plan_view.plan_data(planned))
    elif not arguments.quiet:
        plan_view.print_plan(planned, preview=arguments.preview)
    return max(print_problems(planned.sources), print_problems(planned.evaluations, "exclude"))


def build(arguments: Namespace) -> int:
    """Build a calibration file and its manifest."""
    recipe = _load_recipe(arguments)
    path, second = _require_outputs(recipe, arguments)
    with _rejects_of_a_failure(arguments.rejects):
        built = _build(recipe, arguments, "require" if arguments.locked else "use")
    built.write(path, second)
    if arguments.rejects:
        write_rejects(arguments.rejects, built.rejections, built.filtered)
    if arguments.json:
        print_json(_build_data(built, path, second))
    elif not arguments.quiet:
        print_summary(built, path, second)
        lock_view.print_lock_note(built.lock_differences, lock_path(Path(arguments.recipe)))
        changes = [word for change in arguments.set for word in ("--set", change)]
        print_next_steps(path, [arguments.recipe, *changes])
    return 0


def check(arguments: Namespace) -> int:
    """Read every source to its end and count; exits 1 if one can't be read."""
    from calibset.pipeline.check import check as check_sources

    recipe = _load_recipe(arguments)
    _require_apart({}, arguments.rejects, _find_inputs(recipe, arguments))
    with show_progress(quiet=arguments.quiet, unit="records") as progress:
        options = {**_read_options(arguments), "workers": arguments.workers}
        checks = check_sources(recipe, **options, progress=progress)
    if arguments.rejects:
        write_rejects(
            arguments.rejects,
            {source.name: source.stats.left_out.rejected_records for source in checks},
            {source.name: source.stats.left_out.filtered_records for source in checks},
        )
    if arguments.json:
        print_json(check_view.check_data(checks))
    elif not arguments.quiet:
        check_view.print_checks(checks)
    return print_problems(checks)


def lock(arguments: Namespace) -> int:
    """Write a recipe's lock."""
    recipe = _load_recipe(arguments)
    path = lock_path(Path(arguments.recipe))
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; nothing was read")
    _require_writable_folder(path, str(path))
    built = _build(recipe, arguments, "ignore")
    built.lock.write(path)
    if arguments.json:
        print_json({"lock": str(path), **built.lock.model_dump(mode="json", exclude={"recipe"})})
    elif not arguments.quiet:
        lock_view.print_lock(built.lock, path)
    return 0


def repack(arguments: Namespace) -> int:
    """Make rows that the quantizer keeps of the texts of files that another script wrote."""
    from calibset.cli.repack_view import print_verdict, simulate_before, verdict_data
    from calibset.pipeline.repack import repack as repack_files

    files = [Path(file) for file in arguments.files]
    quantizer = get_quantizer(arguments.quantizer or DEFAULT_QUANTIZER)
    path = Path(arguments.out) if arguments.out else files[0].with_name(f"{files[0].stem}.repacked.jsonl")
    _require_usable(path, f"--out {path}", quantizer)
    _require_apart({f"--out {path}": path}, None, {file.absolute().resolve(): "repack" for file in files})
    with show_progress(quiet=arguments.quiet) as progress:
        built = repack_files(
            files,
            tokenizer=arguments.tokenizer,
            seqlen=arguments.seqlen,
            nsamples=arguments.nsamples,
            quantizer=quantizer.info.name,
            control_tokens=arguments.control_tokens,
            column=arguments.column,
            seed=arguments.seed,
            progress=progress,
        )
    built.write(path)
    if arguments.quiet and not arguments.json:
        return 0
    before = {file: simulate_before(file, quantizer, built) for file in files}
    if arguments.json:
        print_json({**_build_data(built, path, None), "before": verdict_data(before)})
        return 0
    print_verdict(before, built)
    print_summary(built, path, None)
    return 0


def _load_recipe(arguments: Namespace) -> Recipe:
    from calibset.dataset.recorded_recipe import load_recipe_or_manifest

    return load_recipe_or_manifest(arguments.recipe, overrides=arguments.set, allow_code=arguments.allow_code)


def _build(recipe: Recipe, arguments: Namespace, lock: LockUse) -> CalibrationSet:
    from calibset.pipeline.build import build as build_set

    with show_progress(quiet=arguments.quiet) as progress:
        options = {**_read_options(arguments), "workers": arguments.workers}
        return build_set(recipe, **options, lock=lock, progress=progress)


def _read_options(arguments: Namespace) -> dict[str, Any]:
    return {"data": arguments.data, "mirrors": arguments.mirror, "offline": arguments.offline}


def _build_data(built: CalibrationSet, path: Path, second: Path | None) -> dict[str, Any]:
    """Return a build as data: the manifest but for samples and recipe, and what it doesn't hold."""

    def file_data(part: CalibrationSet, file: Path) -> dict[str, Any]:
        manifest = part.manifest.model_dump(mode="json", exclude={"samples", "recipe"})
        return {"file": str(file), "manifest": str(manifest_path(file)), **manifest}

    return {
        **file_data(built, path),
        "notes": built.notes,
        "seconds": dict(built.seconds),
        "bytes_read": dict(built.bytes_read),
        "holdout": file_data(built.holdout, second) if built.holdout and second else None,
        "lock_differences": lock_view.differences_data(built.lock_differences),
    }


@contextmanager
def _rejects_of_a_failure(path: str | None) -> Iterator[None]:
    """Write what was rejected and filtered before a build failed: it may be the reason."""
    try:
        yield
    except CalibsetError as error:
        if path and (error.rejections or error.filtered):
            write_rejects(path, error.rejections, error.filtered)
        raise


# Outputs are checked before anything is read, which may take an hour.


def _require_outputs(recipe: Recipe, arguments: Namespace) -> tuple[Path, Path | None]:
    """Return the paths of the file and its holdout, and refuse those that can't be written or used."""
    path = Path(arguments.out or recipe.output or f"{recipe.name}.jsonl")
    second = Path(recipe.holdout.output or holdout_path(path)) if recipe.holdout else None
    outputs = {f"--out {path}" if arguments.out else str(path): path} | (
        {f"holdout.output {second}": second} if second else {}
    )
    for name, file in outputs.items():
        _require_usable(file, name, get_quantizer(recipe.quantizer))
    _require_apart(outputs, arguments.rejects, _find_inputs(recipe, arguments))
    return path, second


def _require_usable(file: Path, name: str, quantizer: Quantizer) -> None:
    """Refuse a path that the quantizer would misread, or that can't be written."""
    if file.suffix != ".jsonl":
        raise RecipeError(f"{name}: must end in .jsonl")
    if problems := quantizer.path_problems(str(file)):
        product = quantizer.info.product
        raise RecipeError(*(f"{name}: {product} can't be given this file: {problem}" for problem in problems))
    _require_writable_folder(file, name)


def _require_writable_folder(path: Path, name: str) -> None:
    """Refuse a path in a folder in which nothing can be written."""
    folder = next(parent for parent in path.absolute().parents if os.path.isdir(parent))  # noqa: PTH112
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{name}: {folder} can't be written to")


def _find_inputs(recipe: Recipe, arguments: Namespace) -> dict[Path, str]:
    """Return the paths of this machine that a build may read, and what stands at each."""
    data = arguments.data or DATA.read() or "."
    inputs = {Path(arguments.recipe): "the recipe", lock_path(Path(arguments.recipe)): "the recipe's lock"}
    inputs |= dict.fromkeys(recipe.bases, "the recipe that this one extends")
    for name, source in recipe.corpora.items():
        for location in chain(source.where, *source.fallbacks):
            if "://" not in location:
                candidates = (folder / location for folder in (Path(), Path(data), recipe.folder))
                inputs |= dict.fromkeys(candidates, recipe.key_of(name))
    resolved = {path.absolute().resolve(): name for path, name in inputs.items()}
    # A source that is the working folder, or a folder above it, reads only files of some names there.
    working_folder = Path.cwd().resolve()
    return {path: name for path, name in resolved.items() if not working_folder.is_relative_to(path)}


def _require_apart(outputs: Mapping[str, Path], rejects: str | None, inputs: Mapping[Path, str]) -> None:
    """Refuse to write over a file that is read, or one output over another."""
    files = {name: [path, manifest_path(path)] for name, path in outputs.items()}
    if rejects:
        files[f"--rejects {rejects}"] = [Path(rejects)]
    names_by_path: dict[Path, str] = {}
    for name, paths in files.items():
        for path in paths:
            resolved = path.absolute().resolve()
            if reader := next((inputs[p] for p in (resolved, *resolved.parents) if p in inputs), None):
                remedy = "name another file" + (" with --out FILE" if name == str(paths[0]) else "")
                raise RecipeError(f"{name}: {path} is read by {reader}; {remedy}")
            if (other := names_by_path.setdefault(resolved, name)) != name:
                raise RecipeError(f"{name}: {path} is written by {other} already; name another file")
