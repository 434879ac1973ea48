"""What goes wrong, mostly silently, when AutoRound runs on a file and a model.

The rules come from the source of AutoRound 0.12.3 and 0.16.1; another version is assumed to behave like the
nearest before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from calibset.quantizers.autoround.option_pitfalls import find_option_pitfalls
from calibset.quantizers.autoround.pitfall import (
    BATCHES_OF_IDS,
    FILE_OF_MULTIMODAL,
    MISREAD,
    MISTRAL_PATH,
    READ_AS_TEXT,
    SHORT_BATCH,
    Interface,
    Pitfall,
    Severity,
)
from calibset.quantizers.autoround.run import QuantizationRun
from calibset.quantizers.autoround.versions import KNOWN, is_known
from calibset.quantizers.token_faults import EMBEDDINGS_REMEDY, OLDER_LOADER_REMEDY


def find_pitfalls(run: QuantizationRun) -> tuple[Pitfall, ...]:
    """Return the pitfalls that a run of AutoRound meets, those that stop it first.

    Args:
        run: The run. Nothing else is looked at, except the installed AutoRound if calibset doesn't know a
            format or a scheme.
    """
    pitfalls = [
        *_find_file_pitfalls(run),
        *_find_model_pitfalls(run),
        *_find_batch_pitfalls(run),
        *find_option_pitfalls(run),
        *_find_version_pitfalls(run),
    ]
    order = list(Severity)
    return tuple(sorted(pitfalls, key=lambda pitfall: order.index(pitfall.severity)))


def _find_file_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    if not run.file_exists:
        yield Pitfall(
            name="file",
            severity=Severity.STOPS,
            about=f"there is no file {run.ids or run.file} here yet",
            remedy="write it with `calibset export`"
            if run.ids
            else "write it with `calibset build`, or name another with --file",
        )
    misread = [meaning for sign, meaning in MISREAD.items() if sign in run.file]
    if run.ids is not None:
        yield Pitfall(
            name="ids",
            severity=Severity.STOPS,
            about="the command line takes only files of text",
            remedy="the Python code hands over the ids",
            only=Interface.COMMAND_LINE,
        )
    elif misread:
        yield Pitfall(
            name="path characters",
            severity=Severity.STOPS,
            about=f"the file's path holds {'; '.join(misread)}",
            remedy="move the file to a path without them",
        )
    if run.ids is None and not run.file.endswith((".json", ".jsonl")):
        yield Pitfall(
            name="file ending",
            severity=Severity.STOPS,
            about="AutoRound reads local files that end in .json or .jsonl only",
            remedy="give the file such a name",
        )
    yield Pitfall(
        name="defaults",
        severity=Severity.CHANGES,
        about="AutoRound takes 128 rows and tunes for 200 iterations by default",
        remedy="nsamples and seqlen are set as in the recipe, and iters "
        + ("as well" if "iters" in run.options.model_fields_set else f"to {run.options.iters}"),
        avoided=True,
    )
    if run.model.may_be_multimodal and run.before_0_16 and run.ids is None:
        yield Pitfall(
            name="multimodal file",
            severity=Severity.STOPS,
            about=FILE_OF_MULTIMODAL,
            remedy=READ_AS_TEXT,
            avoided=True,
        )


def _find_model_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    model = run.model
    if model.has_mistral_name:
        yield Pitfall(
            name="Mistral path",
            severity=Severity.STOPS,
            about=MISTRAL_PATH,
            remedy="the command line knows no other tokenizer, so use the Python code, which hands over "
            "model and tokenizer as objects",
            only=Interface.COMMAND_LINE,
        )
    elif model.has_tekken or (run.tokenizer.written_from is not None and not model.has_fast_tokenizer):
        about = "the command line loads the tokenizer of the model's folder, and takes no other"
        if model.has_tekken:
            about += "; if that folder has a tekken.json, its tokenizer reads control tokens as plain text"
        yield Pitfall(
            name="tokenizer folder",
            severity=Severity.CHANGES,
            about=about,
            remedy="put the files that `calibset tokenizer` writes into a copy of the folder without "
            "tekken.json, or use the Python code",
            only=Interface.COMMAND_LINE,
        )
    if model.multimodal and not model.has_mistral_name:
        missing = "" if model.has_processor or not model.is_folder else ", whose files this folder lacks"
        yield Pitfall(
            name="processor",
            severity=Severity.STOPS,
            about=f"for a multimodal model AutoRound loads the processor as well{missing}",
            remedy="install pillow and torchvision, or use the Python code, which needs neither",
            only=Interface.COMMAND_LINE,
        )
    if model.multimodal is None:
        yield Pitfall(
            name="kind of model",
            severity=Severity.NOTE,
            about="the model's config can't be read here, so it is not known whether the model is multimodal",
            remedy="if it is, load it with AutoModelForImageTextToText in the Python code",
        )
    yield from _find_token_pitfalls(run)
    yield from _find_length_pitfalls(run)


def _find_token_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    if (missing := run.missing_embeddings) is not None:
        yield Pitfall(
            name="embeddings",
            severity=Severity.STOPS if missing.rows else Severity.NOTE,
            about=missing.about,
            remedy=EMBEDDINGS_REMEDY,
        )
    if run.older_loader and run.ids is None:
        yield Pitfall(
            name="older transformers",
            severity=Severity.CHANGES,
            about=run.older_loader,
            remedy=OLDER_LOADER_REMEDY,
        )


def _find_length_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    positions = run.model.max_positions
    if positions is not None and positions < run.seqlen:
        yield Pitfall(
            name="positions",
            severity=Severity.CHANGES,
            about=f"the model has positions for {positions} tokens, and AutoRound lowers seqlen to it",
            remedy=f"build rows of {positions} tokens or fewer",
        )
    for longest, interface in (
        (run.model.model_max_length, Interface.COMMAND_LINE),
        (run.tokenizer.model_max_length, Interface.PYTHON),
    ):
        if longest is not None and longest < run.seqlen:
            yield Pitfall(
                name="longest text",
                severity=Severity.CHANGES,
                about=f"the tokenizer's model_max_length is {longest}, and AutoRound lowers seqlen to it",
                remedy="raise it in tokenizer_config.json, or build shorter rows",
                only=interface,
            )


def _find_batch_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    wanted = run.options.batch_size
    left = run.nsamples % wanted
    if run.batch_size != wanted:
        outcome = SHORT_BATCH if left == 1 else f"it drops the last {left} rows of a multimodal model"
        yield Pitfall(
            name="short batch",
            severity=Severity.STOPS if left == 1 else Severity.CHANGES,
            about=f"{run.nsamples} rows don't divide into batches of {wanted}; AutoRound before 0.16: "
            f"{outcome}",
            remedy=f"batch_size is {run.batch_size}",
            avoided=True,
        )
    if run.ids is not None and run.model.may_be_multimodal and not run.before_0_16:
        yield Pitfall(
            name="batches of ids",
            severity=Severity.CHANGES,
            about=BATCHES_OF_IDS,
            remedy=f"each tensor has {run.batch_size} rows",
            avoided=True,
            only=Interface.PYTHON,
        )


def _find_version_pitfalls(run: QuantizationRun) -> Iterator[Pitfall]:
    if not is_known(run.version):
        yield Pitfall(
            name="other version",
            severity=Severity.NOTE,
            about=f"these notes were checked against {' and '.join(map(str, KNOWN))}, not {run.version}",
            remedy="try it with `--iters 1` first",
        )
