"""AutoRound's command line and Python code for a recipe, with the reason of each oddity."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from calibset.quantizers.autoround.job import Job, ensure_shown_as_is
from calibset.quantizers.autoround.pitfall import Effect, Pitfall, Way
from calibset.quantizers.autoround.pitfalls import pitfalls_of

# Words that AutoRound before 0.16 takes for commands of its own wherever they stand.
_COMMANDS = ("list", "eval")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeCommand:
    """What is printed.

    Attributes:
        command: Lines for a shell, reasons as comments; comments alone where no command line would work.
        python: A script, reasons as comments.
        traps: What the reasons are, for whoever wants them as data.
    """

    command: str
    python: str
    traps: tuple[Pitfall, ...]


def quantize_command(job: Job) -> QuantizeCommand:
    """Return the ways of running AutoRound on a recipe's file.

    Raises:
        RecipeError: A path holds a character that can't be shown.
    """
    ensure_shown_as_is(job)
    found = pitfalls_of(job)
    return QuantizeCommand(
        command="\n".join(_command(job, _met(found, Way.COMMAND))) + "\n",
        python="\n".join(_python(job, _met(found, Way.PYTHON))) + "\n",
        traps=found,
    )


def command_arguments(job: Job) -> tuple[str, ...]:
    """Return the command line's words, the program's name first."""
    options = job.options
    words = ["auto-round", "--model", _plain(job.model.path), "--scheme", options.scheme]
    words += [] if options.of_scheme("bits") else ["--bits", str(options.bits)]
    # -1 behind a space would be read as an option by some versions of argparse.
    words += [] if options.of_scheme("group_size") else [f"--group_size={options.group_size}"]
    words += [] if options.sym else ["--asym"]
    words += ["--iters", str(options.iters), "--nsamples", str(job.nsamples), "--seqlen", str(job.seqlen)]
    words += ["--batch_size", str(job.batch_size)]
    if options.gradient_accumulate_steps != 1:
        words += ["--gradient_accumulate_steps", str(options.gradient_accumulate_steps)]
    words += ["--low_gpu_mem_usage"] if options.low_gpu_mem_usage else []
    words += [] if options.device is None else ["--device_map", options.device]
    words += _compiling(job)
    words += [] if options.trust_remote_code else ["--disable_trust_remote_code"]
    words += [
        "--format",
        options.format,
        "--dataset",
        _plain(job.dataset),
        "--output_dir",
        _plain(options.output),
    ]
    return tuple(words)


def _compiling(job: Job) -> list[str]:
    wanted = job.options.torch_compile
    if wanted:
        return ["--enable_torch_compile"]
    # Before 0.16 nothing is compiled unless it is asked for, and no option says so.
    return ["--disable_torch_compile"] if wanted is False and not job.version.before(0, 16) else []


def _plain(path: str) -> str:
    """Return a path that no version of AutoRound takes for an option or a command."""
    return f"./{path}" if path in _COMMANDS or path.startswith("-") else path


def _met(found: tuple[Pitfall, ...], way: Way) -> tuple[Pitfall, ...]:
    return tuple(trap for trap in found if way in trap.ways)


def _command(job: Job, found: tuple[Pitfall, ...]) -> Iterator[str]:
    yield f"# AutoRound {job.version.text}"
    yield from _reasons(found)
    if any(_is_in_vain(trap) for trap in found):
        yield "# No command line works here as things are."
        return
    first, *rest = _by_option(command_arguments(job))
    yield " \\\n".join([first, *(f"  {option}" for option in rest)])


def _is_in_vain(trap: Pitfall) -> bool:
    # A processor may be there once its packages are installed.
    return trap.effect is Effect.STOPS and not trap.avoided and trap.name != "processor"


def _by_option(words: tuple[str, ...]) -> list[str]:
    """Return the words quoted for a shell, each option with its value."""
    lines: list[list[str]] = []
    for word in words:
        if word.startswith("--") or not lines:
            lines.append([])
        lines[-1].append(word)
    return [shlex.join(line) for line in lines]


def _reasons(found: tuple[Pitfall, ...]) -> Iterator[str]:
    for trap in found:
        sign = "" if trap.avoided else "! "
        yield f"# {sign}{trap.name}: {trap.about}; {trap.remedy}."


def _python(job: Job, found: tuple[Pitfall, ...]) -> Iterator[str]:
    yield f"# AutoRound {job.version.text}"
    yield from _reasons(found)
    if job.tokenizer.name is not None:
        words = ["calibset", "tokenizer", job.tokenizer.name, "--out", job.tokenizer.location]
        yield f"# The tokenizer's folder is written by: {shlex.join(words)}"
    kind = "AutoModelForImageTextToText" if job.model.multimodal else "AutoModelForCausalLM"
    if job.ids is not None:
        yield "import torch"
    yield "from auto_round import AutoRound"
    if job.ids is not None:
        yield "from pyarrow import parquet"
    yield f"from transformers import {kind}, AutoTokenizer"
    yield ""
    trusting = ", trust_remote_code=True" if job.options.trust_remote_code else ""
    yield f'model = {kind}.from_pretrained({job.model.path!r}, dtype="auto"{trusting})'
    yield f"tokenizer = AutoTokenizer.from_pretrained({job.tokenizer.location!r}{trusting})"
    yield from _dataset(job)
    yield "autoround = AutoRound("
    yield "    model,"
    yield "    tokenizer,"
    yield from (f"    {name}={value}," for name, value in _keywords(job))
    yield ")"
    yield f"autoround.quantize_and_save({job.options.output!r}, format={job.options.format!r})"


def _dataset(job: Job) -> Iterator[str]:
    if job.ids is None:
        yield f"dataset = {job.dataset!r}"
        return
    yield f'ids = torch.tensor(parquet.read_table({job.ids!r})["input_ids"].to_pylist())'
    yield "# The mask matters where the tokenizer pads with a token that rows hold."
    yield (
        'dataset = [{"input_ids": rows, "attention_mask": torch.ones_like(rows)} '
        f"for rows in ids.split({job.batch_size})]"
    )


def _keywords(job: Job) -> Iterator[tuple[str, str]]:
    options = job.options
    yield "scheme", repr(options.scheme)
    for name in ("bits", "group_size"):
        if not options.of_scheme(name):
            yield name, repr(getattr(options, name))
    if not options.of_scheme("sym"):
        yield "sym", repr(options.sym)
    yield "dataset", "dataset"
    yield "nsamples", repr(job.nsamples)
    yield "seqlen", repr(job.seqlen)
    yield "iters", repr(options.iters)
    yield "batch_size", repr(job.batch_size)
    if options.gradient_accumulate_steps != 1:
        yield "gradient_accumulate_steps", repr(options.gradient_accumulate_steps)
    yield "low_gpu_mem_usage", repr(options.low_gpu_mem_usage)
    if options.device is not None:
        yield "device_map", repr(options.device)
    if options.torch_compile is not None:
        yield "enable_torch_compile", repr(options.torch_compile)
