"""What the other commands do: call the library, show the result."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli import lock_view, views
from calibset.cli.console import emit_json, say
from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.lockfile import Lock
from calibset.dataset.manifest import Manifest
from calibset.quantizers import get_quantizer

if TYPE_CHECKING:
    from calibset.dataset.tokenizer_check import TokenizerReport


def verify(arguments: Namespace) -> int:
    """Say which rows the quantizer keeps; exits 1 if one is lost or there are too few."""
    import calibset
    from calibset.dataset.calibration_file import CalibrationFile

    opened = CalibrationFile.open(arguments.file, endings=None, check_manifest=False)
    quantizer = arguments.quantizer or opened.quantizer_name
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
    import calibset

    result = calibset.export(
        arguments.file,
        arguments.out,
        quantizer=arguments.quantizer,
        format=arguments.format,
        tokenizer=arguments.tokenizer,
        seqlen=arguments.seqlen,
    )
    report = result.load_report
    if not arguments.quiet:
        if report is not None:
            report = replace(report, warnings=(*report.warnings, *result.pitfalls))
            views.replay_summary(report, str(result.path))
        say(f"wrote {result.path}" + (f"; to use it:\n{result.usage}" if result.usage else ""))
    return 0 if report is None or report.passed else 1


def show(arguments: Namespace) -> int:
    """Print a row with its document borders and control tokens visible."""
    from calibset.dataset.calibration_file import CalibrationFile
    from calibset.tokenizers import ControlTokens

    file = CalibrationFile.open(arguments.file)
    text = file.text(arguments.row)
    tokenizer = file.tokenizer(arguments.tokenizer, allow_changed=True)
    views.row(
        text,
        tokens=len(tokenizer.encode(text, parse_special=True)),
        report=file.manifest.samples[arguments.row - 1] if file.manifest else None,
        control_tokens=ControlTokens.of(tokenizer.special_tokens),
    )
    return 0


def diff(arguments: Namespace) -> int:
    """Say what changed between two records; exits 1 if something did, 2 if they can't be compared."""
    from calibset.dataset.diff import diff as changes

    try:
        found = changes(_record(arguments.before), _record(arguments.after))
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
    from calibset.tokenizers.tekken_conversion import write_fast_tokenizer

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
        lock = Lock.read(path)
        if lock is None:
            raise RecipeError(f"{path}: there is no such lock")
        return lock
    manifest = Manifest.read(path)
    if manifest is None:
        raise RecipeError(f"{path}: there is no such manifest, and none beside a file of this name")
    return manifest
