"""What the other commands do: call the library, show the result."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli import lock_view, views
from calibset.cli.console import emit_json, say
from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.lockfile import Lock, read_lock
from calibset.dataset.manifest import Manifest, read_manifest
from calibset.quantizers import get_quantizer

if TYPE_CHECKING:
    from calibset.dataset.tokenizer_check import TokenizerReport


def verify(arguments: Namespace) -> int:
    """Say which rows the quantizer keeps; exits 1 if one is lost or there are too few."""
    import calibset
    from calibset.dataset.calibration_file import quantizer_of

    quantizer = arguments.quantizer or quantizer_of(read_manifest(arguments.file))
    replay = calibset.verify(
        arguments.file,
        tokenizer=arguments.tokenizer,
        seqlen=arguments.seqlen,
        nsamples=arguments.nsamples,
        quantizer=quantizer,
    )
    replay = replace(replay, warnings=(*replay.warnings, *get_quantizer(quantizer).info.pitfalls))
    readback = _readback(arguments) if arguments.backend else None
    if arguments.json:
        emit_json({**views.replay_data(replay), **({"readback": asdict(readback)} if readback else {})})
    elif not arguments.quiet:
        views.replay_summary(replay, arguments.file)
        if readback:
            views.readback_summary(readback, arguments.file)
    return 0 if replay.passed and (readback is None or readback.passed) else 1


def export(arguments: Namespace) -> int:
    """Write a calibration file for a quantizer, or as token ids; exits 1 if the quantizer loses a row."""
    from calibset.dataset.export import export_for, export_input_ids

    given = {"tokenizer": arguments.tokenizer, "seqlen": arguments.seqlen}
    if arguments.format:
        written = export_input_ids(arguments.file, arguments.out, **given)
        if not arguments.quiet:
            say(f"wrote {written}")
        return 0
    made = export_for(arguments.file, arguments.quantizer, arguments.out, **given)
    if not arguments.quiet:
        shown = replace(made.replay, warnings=(*made.replay.warnings, *made.traps))
        views.replay_summary(shown, str(made.path))
        say(f"wrote {made.path}; to use it:\n{made.usage}")
    return 0 if made.replay.passed else 1


def show(arguments: Namespace) -> int:
    """Print a row with its document borders and control tokens visible."""
    from calibset.tokenizers import ControlTokens, load_tokenizer

    path = Path(arguments.file)
    text = _row_text(path, arguments.row)
    manifest = read_manifest(path)
    name = arguments.tokenizer or (manifest.tokenizer.name if manifest else "mistral-small-3.2")
    tokenizer = load_tokenizer(name, path.parent)
    views.row(
        text,
        tokens=len(tokenizer.encode(text, parse_special=True)),
        report=manifest.samples[arguments.row - 1]
        if manifest and arguments.row <= len(manifest.samples)
        else None,
        control_tokens=ControlTokens.of(tokenizer.special_tokens),
    )
    return 0


def diff(arguments: Namespace) -> int:
    """Say what changed between two records; exits 1 if something did, 2 if they can't be compared."""
    from calibset.dataset.diff import differences

    try:
        found = differences(_record(arguments.before), _record(arguments.after))
    except OutputError as error:
        raise RecipeError(str(error)) from error
    if arguments.json:
        emit_json(lock_view.differences_data(found))
    else:
        lock_view.differences_table(found)
    return 1 if found else 0


def cache(arguments: Namespace) -> int:
    """List or clear what was read of servers and is kept."""
    from calibset.storage import Cache

    kept = Cache.default()
    if arguments.action == "clear":
        kept.clear()
        say(f"cleared {kept.folder}")
    elif arguments.json:
        emit_json(lock_view.cache_data(kept))
    else:
        lock_view.cache_table(kept)
    return 0


def sources(arguments: Namespace) -> int:
    """List the adapters, or one adapter's keys."""
    from calibset.sources import ADAPTERS, adapter, installed_adapters

    if arguments.name:
        views.adapter_table(adapter(arguments.name, allow_code=arguments.allow_code))
        return 0
    others = installed_adapters()
    views.adapters_table(
        [(name, adapter(name).summary) for name in ADAPTERS]
        + [(name, f"from {point.value.partition(':')[0]}") for name, point in others.items()]
    )
    return 0


def schema(arguments: Namespace) -> int:  # noqa: ARG001
    """Print the JSON Schema of a recipe."""
    from calibset.recipe.json_schema import recipe_schema

    emit_json(recipe_schema())
    return 0


def tokenizer(arguments: Namespace) -> int:
    """Write a folder with a fast tokenizer."""
    from calibset.tokenizers import load_tokenizer
    from calibset.tokenizers.conversion import write_fast_tokenizer

    written = write_fast_tokenizer(load_tokenizer(arguments.name), Path(arguments.out))
    if not arguments.quiet:
        for path in written:
            say(f"wrote {path}")
    return 0


def _readback(arguments: Namespace) -> TokenizerReport:
    from calibset.dataset.tokenizer_check import check_tokenizer

    return check_tokenizer(arguments.file, arguments.backend, tokenizer=arguments.tokenizer)


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
