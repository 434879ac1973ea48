"""The commands that build: plan, build, check, lock, and repack, whose recipe is made of a file."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.cli import check_view, lock_view, plan_view
from calibset.cli.build_outputs import (
    find_inputs,
    require_apart,
    require_outputs,
    require_usable,
    require_writable_folder,
)
from calibset.cli.build_summary import print_next_steps, print_summary
from calibset.cli.console import print_json, show_progress, show_status
from calibset.cli.recipe_files import load_recipe, read_options
from calibset.cli.source_lines import print_problems
from calibset.core.errors import CalibsetError, OutputError
from calibset.core.quantizer_names import DEFAULT_QUANTIZER
from calibset.dataset.lockfile import lock_path
from calibset.dataset.manifest import manifest_path
from calibset.dataset.rejects import write_rejects
from calibset.quantizers import get_quantizer

if TYPE_CHECKING:
    from calibset.dataset.calibration_set import CalibrationSet
    from calibset.pipeline.locking import LockUse
    from calibset.recipe.model import Recipe


def plan(arguments: Namespace) -> int:
    """Show what a build would read, and try it; exits 1 if a build would fail."""
    from calibset.pipeline.plan import plan as make_plan

    recipe = load_recipe(arguments)
    require_outputs(recipe, arguments)
    with show_status(quiet=arguments.quiet) as progress:
        planned = make_plan(recipe, **read_options(arguments), tries=not arguments.no_try, progress=progress)
    if arguments.json:
        print_json(plan_view.plan_data(planned))
    elif not arguments.quiet:
        plan_view.print_plan(planned, preview=arguments.preview)
    return max(print_problems(planned.sources), print_problems(planned.evaluations, "exclude"))


def build(arguments: Namespace) -> int:
    """Build a calibration file and its manifest."""
    recipe = load_recipe(arguments)
    path, second = require_outputs(recipe, arguments)
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

    recipe = load_recipe(arguments)
    require_apart({}, arguments.rejects, find_inputs(recipe, arguments))
    with show_progress(quiet=arguments.quiet, unit="records") as progress:
        options = {**read_options(arguments), "workers": arguments.workers}
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
    recipe = load_recipe(arguments)
    path = lock_path(Path(arguments.recipe))
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; nothing was read")
    require_writable_folder(path, str(path))
    built = _build(recipe, arguments, "ignore")
    built.lock.write(path)
    if arguments.json:
        print_json({"lock": str(path), **built.lock.model_dump(mode="json", exclude={"recipe"})})
    elif not arguments.quiet:
        lock_view.print_lock(built.lock, path, built.manifest.not_compared)
    return 0


def repack(arguments: Namespace) -> int:
    """Make rows that the quantizer keeps of the texts of files that another script wrote."""
    from calibset.cli.repack_view import print_verdict, simulate_before, verdict_data
    from calibset.pipeline.repack import repack as repack_files

    files = [Path(file) for file in arguments.files]
    quantizer = get_quantizer(arguments.quantizer or DEFAULT_QUANTIZER)
    path = Path(arguments.out) if arguments.out else files[0].with_name(f"{files[0].stem}.repacked.jsonl")
    require_usable(path, f"--out {path}", quantizer)
    require_apart({f"--out {path}": path}, None, {file.absolute().resolve(): "repack" for file in files})
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


def _build(recipe: Recipe, arguments: Namespace, lock: LockUse) -> CalibrationSet:
    from calibset.pipeline.build import build as build_set

    with show_progress(quiet=arguments.quiet) as progress:
        options = {**read_options(arguments), "workers": arguments.workers}
        return build_set(recipe, **options, lock=lock, progress=progress)


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
