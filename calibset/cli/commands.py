"""What each command does: call the library, show the result."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli import previews, screen, storing
from calibset.cli.console import emit_json, progress, say
from calibset.consumers import autoround
from calibset.errors import OutputError, RecipeError
from calibset.lockfile import Lock, lock_path, read_lock, write_lock
from calibset.manifest import Manifest, manifest_path, read_manifest

if TYPE_CHECKING:
    from calibset.backends import Readback
    from calibset.recipe import Recipe

__all__ = [
    "build",
    "cache",
    "check",
    "diff",
    "export",
    "lock",
    "plan",
    "schema",
    "show",
    "sources",
    "tokenizer",
    "verify",
]


def build(arguments: Namespace) -> int:
    """Build a calibration file and its manifest."""
    from calibset import pipeline

    recipe = _recipe(arguments)
    out = Path(arguments.out or recipe.output or f"{recipe.name}.jsonl")
    _ensure_usable(out)
    with progress(quiet=arguments.quiet) as report:
        built = pipeline.build(
            recipe,
            data=arguments.data,
            mirrors=arguments.mirror,
            offline=arguments.offline,
            lock="require" if arguments.locked else "use",
            progress=report,
        )
    built.write(out)
    if arguments.rejects:
        built.write_rejections(arguments.rejects)
    if arguments.json:
        summary = built.manifest.model_dump(mode="json", exclude={"samples", "recipe"})
        summary["notes"] = built.notes
        summary["unlike_lock"] = storing.differences_data(built.unlike_lock)
        emit_json({"file": str(out), "manifest": str(manifest_path(out)), **summary})
    elif not arguments.quiet:
        screen.build_summary(built.manifest, out, built.notes)
        storing.unlike_lock_note(built.unlike_lock, lock_path(Path(arguments.recipe)))
    return 0


def plan(arguments: Namespace) -> int:
    """Show what a build would read; exits 1 if a source can't be found."""
    from calibset import pipeline

    found = pipeline.plan(
        _recipe(arguments), data=arguments.data, mirrors=arguments.mirror, offline=arguments.offline
    )
    if arguments.json:
        emit_json(previews.plan_data(found))
    elif not arguments.quiet:
        previews.plan_table(found)
    return previews.problems((source.name, source.problem) for source in found.sources)


def check(arguments: Namespace) -> int:
    """Read every source to its end and count; exits 1 if one can't be read."""
    from calibset import pipeline

    with progress(quiet=arguments.quiet, what="records") as report:
        found = pipeline.check(
            _recipe(arguments),
            data=arguments.data,
            mirrors=arguments.mirror,
            offline=arguments.offline,
            progress=report,
        )
    if arguments.json:
        emit_json(previews.check_data(found))
    elif not arguments.quiet:
        previews.check_table(found)
    return previews.problems((source.name, source.problem) for source in found)


def verify(arguments: Namespace) -> int:
    """Say which rows the quantizer keeps; exits 1 if one is lost or there are too few."""
    from calibset import verification

    replay = verification.verify(
        arguments.file, tokenizer=arguments.tokenizer, seqlen=arguments.seqlen, nsamples=arguments.nsamples
    )
    readback = _readback(arguments) if arguments.backend else None
    if arguments.json:
        emit_json({**screen.replay_data(replay), **({"readback": asdict(readback)} if readback else {})})
    elif not arguments.quiet:
        screen.replay_summary(replay, arguments.file)
        if readback:
            screen.readback_summary(readback, arguments.file)
    return 0 if replay.passed and (readback is None or readback.passed) else 1


def export(arguments: Namespace) -> int:
    """Write a calibration file as token ids."""
    from calibset.exporting import export_input_ids

    written = export_input_ids(
        arguments.file, arguments.out, tokenizer=arguments.tokenizer, seqlen=arguments.seqlen
    )
    if not arguments.quiet:
        say(f"wrote {written}")
    return 0


def show(arguments: Namespace) -> int:
    """Print a row with its document borders and control tokens visible."""
    from calibset.tokenizers import ControlTokens, load_tokenizer

    path = Path(arguments.file)
    text = _row_text(path, arguments.row)
    manifest = read_manifest(path)
    name = arguments.tokenizer or (manifest.tokenizer.name if manifest else "mistral-small-3.2")
    tokenizer = load_tokenizer(name, path.parent)
    screen.row(
        text,
        tokens=len(tokenizer.encode(text, parse_special=True)),
        report=manifest.samples[arguments.row - 1]
        if manifest and arguments.row <= len(manifest.samples)
        else None,
        control_tokens=ControlTokens.of(tokenizer.special_tokens),
    )
    return 0


def lock(arguments: Namespace) -> int:
    """Write a recipe's lock."""
    from calibset import pipeline

    recipe = _recipe(arguments)
    path = lock_path(Path(arguments.recipe))
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; nothing was read")
    _ensure_folder(path, str(path))
    with progress(quiet=arguments.quiet) as report:
        built = pipeline.build(
            recipe,
            data=arguments.data,
            mirrors=arguments.mirror,
            offline=arguments.offline,
            lock="ignore",
            progress=report,
        )
    write_lock(built.lock, path)
    if not arguments.quiet:
        storing.lock_summary(built.lock, path)
    return 0


def diff(arguments: Namespace) -> int:
    """Say what changed between two records; exits 1 if something did, 2 if they can't be compared."""
    from calibset.comparison import differences

    try:
        found = differences(_record(arguments.before), _record(arguments.after))
    except OutputError as error:
        raise RecipeError(str(error)) from error
    if arguments.json:
        emit_json(storing.differences_data(found))
    else:
        storing.differences_table(found)
    return 1 if found else 0


def cache(arguments: Namespace) -> int:
    """List or clear what was read of servers and is kept."""
    from calibset.storage import Cache

    kept = Cache.default()
    if arguments.action == "clear":
        kept.clear()
        say(f"cleared {kept.folder}")
    elif arguments.json:
        emit_json(storing.cache_data(kept))
    else:
        storing.cache_table(kept)
    return 0


def sources(arguments: Namespace) -> int:
    """List the adapters, or one adapter's keys."""
    from calibset.sources import ADAPTERS, adapter, installed_adapters

    if arguments.name:
        screen.adapter_table(adapter(arguments.name, allow_code=arguments.allow_code))
        return 0
    others = installed_adapters()
    screen.adapters_table(
        [(name, adapter(name).summary) for name in ADAPTERS]
        + [(name, f"from {point.value.partition(':')[0]}") for name, point in others.items()]
    )
    return 0


def schema(arguments: Namespace) -> int:  # noqa: ARG001
    """Print the JSON Schema of a recipe."""
    from calibset.recipe_schema import recipe_schema

    emit_json(recipe_schema())
    return 0


def tokenizer(arguments: Namespace) -> int:
    """Write a folder with a fast tokenizer."""
    from calibset.tokenizers import load_tokenizer
    from calibset.tokenizers.export import write_fast_tokenizer

    written = write_fast_tokenizer(load_tokenizer(arguments.name), Path(arguments.out))
    if not arguments.quiet:
        for path in written:
            say(f"wrote {path}")
    return 0


def _readback(arguments: Namespace) -> Readback:
    from calibset.backends import read_back

    return read_back(arguments.file, arguments.backend, tokenizer=arguments.tokenizer)


def _recipe(arguments: Namespace) -> Recipe:
    from calibset.recipe import load_recipe

    return load_recipe(arguments.recipe, overrides=arguments.set, allow_code=arguments.allow_code)


def _record(name: str) -> Manifest | Lock:
    """Return the manifest or the lock that a path names."""
    path = Path(name)
    if path.suffix == ".lock":
        lock = read_lock(path)
        if lock is None:
            raise RecipeError(f"{path}: there is no such lock")
        return lock
    manifest = read_manifest(path)
    if manifest is None:
        raise RecipeError(f"{path}: there is no such manifest, and none beside a file of this name")
    return manifest


def _ensure_usable(out: Path) -> None:
    """Refuse, before anything is read, a path that the quantizer would misread."""
    if out.suffix != ".jsonl":
        raise RecipeError(f"--out {out}: must end in .jsonl")
    if faults := autoround.path_faults(str(out)):
        raise RecipeError(*(f"--out {out}: AutoRound can't be given this file: {fault}" for fault in faults))
    _ensure_folder(out, f"--out {out}")


def _ensure_folder(path: Path, what: str) -> None:
    """Refuse, before anything is read, a path in a folder where nothing can be written."""
    folder = next(parent for parent in path.absolute().parents if os.path.isdir(parent))  # noqa: PTH112
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{what}: {folder} can't be written to")


def _row_text(path: Path, row: int) -> str:
    try:
        # Only these end a row; str.splitlines() knows others, which JSON may hold.
        lines = path.read_text("utf-8").removesuffix("\n").split("\n")
        value = json.loads(lines[row - 1])
    except OSError as error:
        raise OutputError(f"{path}: can't be read: {error.strerror}") from error
    except IndexError as error:
        raise OutputError(f"{path}: has {len(lines)} rows, so there is no row {row}") from error
    except UnicodeDecodeError as error:
        raise OutputError(f"{path}: not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{path}: row {row} is not valid JSON") from error
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise OutputError(f"{path}: row {row} has no text")
    return text
