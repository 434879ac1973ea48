"""What goes wrong with a model's place: its name, its tokenizer, its kind."""

from __future__ import annotations

from collections.abc import Iterator

from calibset.quantizers.autoround.job import Job
from calibset.quantizers.autoround.pitfall import (
    COMMAND,
    FILE_OF_MULTIMODAL,
    MISTRAL_PATH,
    PYTHON,
    READ_AS_TEXT,
    Effect,
    Pitfall,
)


def model_traps(job: Job) -> Iterator[Pitfall]:
    """Yield what a run meets because of its model."""
    yield from _file_of_multimodal(job)
    yield from _tokenizer(job)
    yield from _kind(job)
    yield from _positions(job)


def _file_of_multimodal(job: Job) -> Iterator[Pitfall]:
    if job.model.may_be_multimodal and job.version.before(0, 16) and job.ids is None:
        yield Pitfall(
            name="multimodal file",
            effect=Effect.STOPS,
            about=FILE_OF_MULTIMODAL,
            remedy=READ_AS_TEXT,
            avoided=True,
        )


def _tokenizer(job: Job) -> Iterator[Pitfall]:
    model = job.model
    if model.has_mistral_name:
        yield Pitfall(
            name="Mistral path",
            effect=Effect.STOPS,
            about=MISTRAL_PATH,
            remedy="the command line knows no other tokenizer, so use the Python code, which hands over "
            "model and tokenizer as objects",
            avoided=False,
            ways=COMMAND,
        )
    elif model.has_tekken or (job.tokenizer.name is not None and not model.has_fast_tokenizer):
        yield _spelled(job)


def _spelled(job: Job) -> Pitfall:
    about = "the command line loads the tokenizer of the model's folder, and takes no other"
    if job.model.has_tekken:
        about += "; beside a tekken.json that is one that reads control tokens in text as letters"
    return Pitfall(
        name="tokenizer folder",
        effect=Effect.CHANGES,
        about=about,
        remedy="put the files that `calibset tokenizer` writes into a copy of the folder without "
        "tekken.json, or use the Python code",
        avoided=False,
        ways=COMMAND,
    )


def _kind(job: Job) -> Iterator[Pitfall]:
    model = job.model
    if model.multimodal and not model.has_mistral_name:
        missing = "" if model.has_processor or not model.is_folder else ", whose files this folder lacks"
        yield Pitfall(
            name="processor",
            effect=Effect.STOPS,
            about=f"of a multimodal model AutoRound loads the processor as well{missing}",
            remedy="install pillow and torchvision, or use the Python code, which needs none of it",
            avoided=False,
            ways=COMMAND,
        )
    if model.multimodal is None:
        yield Pitfall(
            name="kind of model",
            effect=Effect.NOTE,
            about="the model's config can't be read here, so it can't be seen whether it is multimodal",
            remedy="if it is, load it with AutoModelForImageTextToText in the Python code",
            avoided=False,
        )


def _positions(job: Job) -> Iterator[Pitfall]:
    model = job.model
    if model.positions is not None and model.positions < job.seqlen:
        yield Pitfall(
            name="positions",
            effect=Effect.CHANGES,
            about=f"the model has positions for {model.positions} tokens, and AutoRound lowers seqlen to it",
            remedy=f"build rows of {model.positions} tokens or fewer",
            avoided=False,
        )
    for longest, ways in ((model.longest_text, COMMAND), (job.tokenizer.longest_text, PYTHON)):
        if longest is not None and longest < job.seqlen:
            yield Pitfall(
                name="longest text",
                effect=Effect.CHANGES,
                about=f"the tokenizer's model_max_length is {longest}, and AutoRound lowers seqlen to it",
                remedy="raise it in tokenizer_config.json, or build shorter rows",
                avoided=False,
                ways=ways,
            )
