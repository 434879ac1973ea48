"""What goes wrong, mostly without a word, when AutoRound is given a file and a model: as data.

The rules were read in AutoRound 0.12.3 and 0.16.1; of another version the nearest before it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from calibset.quantizers.autoround.job import Job
from calibset.quantizers.autoround.model_pitfalls import model_traps
from calibset.quantizers.autoround.option_pitfalls import option_traps
from calibset.quantizers.autoround.pitfall import (
    BATCHES_OF_IDS,
    COMMAND,
    MISREAD,
    PYTHON,
    SHORT_BATCH,
    Effect,
    Pitfall,
)
from calibset.quantizers.autoround.versions import KNOWN


def pitfalls_of(job: Job) -> tuple[Pitfall, ...]:
    """Return what a run of AutoRound meets, those that stop it first.

    Args:
        job: The run; nothing is read beside what it holds.
    """
    found = [*_of_file(job), *model_traps(job), *_of_batches(job), *option_traps(job), *_of_version(job)]
    order = list(Effect)
    return tuple(sorted(found, key=lambda trap: order.index(trap.effect)))


def _of_file(job: Job) -> Iterator[Pitfall]:
    if job.ids is not None:
        yield Pitfall(
            name="ids",
            effect=Effect.STOPS,
            about="the command line takes files of text alone",
            remedy="the Python code hands over the ids",
            avoided=False,
            ways=COMMAND,
        )
    misread = [meaning for sign, meaning in MISREAD.items() if sign in job.file]
    if job.ids is None and misread:
        yield Pitfall(
            name="path characters",
            effect=Effect.STOPS,
            about=f"the file's path holds {'; '.join(misread)}",
            remedy="move the file to a path without them",
            avoided=False,
        )
    if job.ids is None and not job.file.endswith((".json", ".jsonl")):
        yield Pitfall(
            name="file ending",
            effect=Effect.STOPS,
            about="AutoRound reads local files that end in .json or .jsonl only",
            remedy="give the file such a name",
            avoided=False,
        )
    yield Pitfall(
        name="defaults",
        effect=Effect.CHANGES,
        about="AutoRound takes 128 rows where it is not told how many, and tunes for 200 iterations",
        remedy="nsamples and seqlen are the recipe's, iters that of its [quantization]",
        avoided=True,
    )


def _of_batches(job: Job) -> Iterator[Pitfall]:
    asked, left = job.options.batch_size, job.nsamples % job.options.batch_size
    if job.batch_size != asked:
        wrong = f"it drops the last {left} rows of a multimodal model"
        if left == 1:
            wrong = SHORT_BATCH
        yield Pitfall(
            name="short batch",
            effect=Effect.STOPS if left == 1 else Effect.CHANGES,
            about=f"{job.nsamples} rows don't divide into batches of {asked}; AutoRound before 0.16: {wrong}",
            remedy=f"batch_size is {job.batch_size}",
            avoided=True,
        )
    if job.ids is not None and job.model.may_be_multimodal and not job.version.before(0, 16):
        yield Pitfall(
            name="batches of ids",
            effect=Effect.CHANGES,
            about=BATCHES_OF_IDS,
            remedy=f"each tensor has {job.batch_size} rows",
            avoided=True,
            ways=PYTHON,
        )


def _of_version(job: Job) -> Iterator[Pitfall]:
    if not job.version.is_known:
        yield Pitfall(
            name="other version",
            effect=Effect.NOTE,
            about=f"what is said here was looked at in {' and '.join(KNOWN)}, not in {job.version.text}",
            remedy="try it with `--iters 1` first",
            avoided=False,
        )
