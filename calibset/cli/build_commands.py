"""What the commands of a recipe do: plan, build, check, lock."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.cli import lock_view, plan_view
from calibset.cli.build_summary import build_summary
from calibset.cli.console import emit_json, progress
from calibset.core.errors import CalibsetError, OutputError, RecipeError
from calibset.dataset.calibration_file import holdout_path
from calibset.dataset.lockfile import lock_path
from calibset.dataset.manifest import manifest_path
from calibset.dataset.rejects import write_rejects
from calibset.quantizers import Quantizer, get_quantizer

if TYPE_CHECKING:
    from calibset.dataset.calibration_set import CalibrationSet
    from calibset.recipe.model import Recipe


def build(arguments: Namespace) -> int:
    """Build a calibration file and its manifest."""
    import calibset

    recipe = _recipe(arguments)
    out = Path(arguments.out or recipe.output or f"{recipe.name}.jsonl")
    held = Path(recipe.holdout.output or holdout_path(out)) if recipe.holdout else None
    named = {f"--out {out}": out} | ({f"holdout.output {held}": held} if held else {})
    for what, file in named.items():
        _ensure_usable(file, what, get_quantizer(recipe.quantizer))
    _ensure_apart(named, arguments.rejects, _read_by(recipe, arguments))
    with _rejects(arguments.rejects), progress(quiet=arguments.quiet) as report:
        built = calibset.build(
            recipe,
            data=arguments.data,
            mirrors=arguments.mirror,
            offline=arguments.offline,
            lock="require" if arguments.locked else "use",
            progress=report,
        )
    built.write(out, held)
    if arguments.rejects:
        write_rejects(arguments.rejects, built.rejections, built.filtered)
    if arguments.json:
        summary = built.manifest.model_dump(mode="json", exclude={"samples", "recipe"})
        summary["notes"] = built.notes
        summary["seconds"] = dict(built.seconds)
        summary["holdout"] = _holdout_data(built, held)
        summary["lock_differences"] = lock_view.differences_data(built.lock_differences)
        emit_json({"file": str(out), "manifest": str(manifest_path(out)), **summary})
    elif not arguments.quiet:
        build_summary(built, out, held)
        lock_view.unlike_lock_note(built.lock_differences, lock_path(Path(arguments.recipe)))
    return 0


def plan(arguments: Namespace) -> int:
    """Show what a build would read; exits 1 if a source can't be found."""
    import calibset

    found = calibset.plan(
        _recipe(arguments), data=arguments.data, mirrors=arguments.mirror, offline=arguments.offline
    )
    if arguments.json:
        emit_json(plan_view.plan_data(found))
    elif not arguments.quiet:
        plan_view.plan_table(found)
    corpora = (*found.sources, *found.evaluations)
    return plan_view.problems((source.name, source.problem) for source in corpora)


def check(arguments: Namespace) -> int:
    """Read every source to its end and count; exits 1 if one can't be read."""
    import calibset

    recipe = _recipe(arguments)
    _ensure_apart({}, arguments.rejects, _read_by(recipe, arguments))
    with progress(quiet=arguments.quiet, what="records") as report:
        found = calibset.check(
            recipe,
            data=arguments.data,
            mirrors=arguments.mirror,
            offline=arguments.offline,
            progress=report,
        )
    if arguments.rejects:
        tallies = {source.name: source.tally for source in found}
        rejected = {name: tally.rejected for name, tally in tallies.items()}
        write_rejects(arguments.rejects, rejected, {name: tally.aside for name, tally in tallies.items()})
    if arguments.json:
        emit_json(plan_view.check_data(found))
    elif not arguments.quiet:
        plan_view.check_table(found)
    return plan_view.problems((source.name, source.problem) for source in found)


def lock(arguments: Namespace) -> int:
    """Write a recipe's lock."""
    import calibset

    recipe = _recipe(arguments)
    path = lock_path(Path(arguments.recipe))
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; nothing was read")
    _ensure_folder(path, str(path))
    with progress(quiet=arguments.quiet) as report:
        built = calibset.build(
            recipe,
            data=arguments.data,
            mirrors=arguments.mirror,
            offline=arguments.offline,
            lock="ignore",
            progress=report,
        )
    built.lock.write(path)
    if not arguments.quiet:
        lock_view.lock_summary(built.lock, path)
    return 0


def _holdout_data(built: CalibrationSet, held: Path | None) -> dict[str, Any] | None:
    if built.holdout is None or held is None:
        return None
    about = built.holdout.manifest.model_dump(mode="json", exclude={"samples", "recipe"})
    return {"file": str(held), "manifest": str(manifest_path(held)), **about}


def _recipe(arguments: Namespace) -> Recipe:
    from calibset.recipe.loader import load_recipe

    return load_recipe(arguments.recipe, overrides=arguments.set, allow_code=arguments.allow_code)


@contextmanager
def _rejects(path: str | None) -> Iterator[None]:
    """Write what was rejected or left out before a build failed: it may be why."""
    try:
        yield
    except CalibsetError as error:
        if path and (error.rejections or error.filtered):
            write_rejects(path, error.rejections, error.filtered)
        raise


def _ensure_usable(file: Path, what: str, quantizer: Quantizer) -> None:
    """Refuse, before anything is read, a path that the quantizer would misread."""
    if file.suffix != ".jsonl":
        raise RecipeError(f"{what}: must end in .jsonl")
    if faults := quantizer.path_problems(str(file)):
        product = quantizer.info.product
        raise RecipeError(*(f"{what}: {product} can't be given this file: {fault}" for fault in faults))
    _ensure_folder(file, what)


def _read_by(recipe: Recipe, arguments: Namespace) -> dict[Path, str]:
    """Return what the recipe reads of this machine's disk, and what each is."""
    data = arguments.data or os.environ.get("CALIBSET_DATA") or "."
    read = {Path(arguments.recipe): "the recipe", lock_path(Path(arguments.recipe)): "the recipe's lock"}
    for name, source in recipe.corpora.items():
        for where in source.where:
            if "://" not in where:
                candidates = (folder / where for folder in (Path(), Path(data), recipe.folder))
                read |= dict.fromkeys(candidates, recipe.key_of(name))
    places = {path.absolute().resolve(): what for path, what in read.items()}
    # A source that is the working folder, or one above it, reads files of some names there.
    here = Path.cwd().resolve()
    return {place: what for place, what in places.items() if not here.is_relative_to(place)}


def _ensure_apart(files: Mapping[str, Path], rejects: str | None, read: Mapping[Path, str]) -> None:
    """Refuse, before anything is read, to write over a file that is read, or one file over another."""
    written = {what: [path, manifest_path(path)] for what, path in files.items()}
    if rejects:
        written[f"--rejects {rejects}"] = [Path(rejects)]
    taken: dict[Path, str] = {}
    for what, paths in written.items():
        for path in paths:
            place = path.absolute().resolve()
            if of := next((read[one] for one in (place, *place.parents) if one in read), None):
                raise RecipeError(f"{what}: {path} is read by {of}; name another file")
            if (other := taken.setdefault(place, what)) != what:
                raise RecipeError(f"{what}: {path} is written by {other} already; name another file")


def _ensure_folder(path: Path, what: str) -> None:
    """Refuse, before anything is read, a path in a folder where nothing can be written."""
    folder = next(parent for parent in path.absolute().parents if os.path.isdir(parent))  # noqa: PTH112
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{what}: {folder} can't be written to")
