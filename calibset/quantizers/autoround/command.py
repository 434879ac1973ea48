"""AutoRound's command line and Python code for a recipe, with the reason for each oddity."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from calibset.quantizers.autoround.pitfall import Interface, Pitfall, Severity
from calibset.quantizers.autoround.pitfalls import find_pitfalls
from calibset.quantizers.autoround.run import QuantizationRun, require_printable_paths

# What stops a run today and may be there when the command is run: packages, the file, a resized model.
_CURABLE = ("processor", "file", "embeddings")
# Words that AutoRound before 0.16 takes for commands of its own wherever they stand.
_SUBCOMMANDS = ("list", "eval")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeCommand:
    """The two ways of running AutoRound on a recipe's file.

    Attributes:
        command: Lines for a shell, with reasons as comments; only comments if no command line would work.
        python: A Python script, with reasons as comments.
    """

    command: str
    python: str


def quantize_command(run: QuantizationRun) -> QuantizeCommand:
    """Return the ways of running AutoRound on a recipe's file.

    Raises:
        RecipeError: A path holds a character that can't be shown.
    """
    require_printable_paths(run)
    pitfalls = find_pitfalls(run)
    return QuantizeCommand(
        command="\n".join(_shell_lines(run, _met_by(Interface.COMMAND_LINE, pitfalls))) + "\n",
        python="\n".join(_python_lines(run, _met_by(Interface.PYTHON, pitfalls))) + "\n",
    )


def command_arguments(run: QuantizationRun) -> tuple[str, ...]:
    """Return the words of the command line, beginning with the program's name."""
    options = run.options
    words = ["auto-round", "--model", _plain(run.model.path), "--scheme", options.scheme]
    if not options.is_left_to_scheme("bits"):
        words += ["--bits", str(options.bits)]
    if not options.is_left_to_scheme("group_size"):
        # -1 behind a space would be read as an option by some versions of argparse.
        words.append(f"--group_size={options.group_size}")
    if not options.sym:
        words.append("--asym")
    words += ["--iters", str(options.iters), "--nsamples", str(run.nsamples), "--seqlen", str(run.seqlen)]
    words += ["--batch_size", str(run.batch_size)]
    if options.gradient_accumulate_steps != 1:
        words += ["--gradient_accumulate_steps", str(options.gradient_accumulate_steps)]
    if options.low_gpu_mem_usage:
        words.append("--low_gpu_mem_usage")
    if options.device is not None:
        words += ["--device_map", options.device]
    if options.torch_compile:
        words.append("--enable_torch_compile")
    elif options.torch_compile is False and not run.before_0_16:
        # Before 0.16 nothing is compiled unless it is asked for, and no option says so.
        words.append("--disable_torch_compile")
    if not options.trust_remote_code:
        words.append("--disable_trust_remote_code")
    words += ["--format", options.format, "--dataset", _plain(run.dataset)]
    return (*words, "--output_dir", _plain(options.output))


def _plain(path: str) -> str:
    """Return a path that no version of AutoRound takes for an option or a command."""
    return f"./{path}" if path in _SUBCOMMANDS or path.startswith("-") else path


def _met_by(interface: Interface, pitfalls: Iterable[Pitfall]) -> list[Pitfall]:
    return [pitfall for pitfall in pitfalls if pitfall.only in (None, interface)]


def _shell_lines(run: QuantizationRun, pitfalls: list[Pitfall]) -> Iterator[str]:
    yield from _comments(run, pitfalls)
    if any(_rules_out(pitfall) for pitfall in pitfalls):
        yield "# No command line works in this case."
        return
    first, *rest = _quoted_options(command_arguments(run))
    yield " \\\n".join([first, *(f"  {option}" for option in rest)])


def _rules_out(pitfall: Pitfall) -> bool:
    """Return whether a command line that meets a pitfall can't work."""
    return pitfall.severity is Severity.STOPS and not pitfall.avoided and pitfall.name not in _CURABLE


def _quoted_options(words: Iterable[str]) -> list[str]:
    """Return the words quoted for a shell, each option with its value."""
    lines: list[list[str]] = []
    for word in words:
        if word.startswith("--") or not lines:
            lines.append([])
        lines[-1].append(word)
    return [shlex.join(line) for line in lines]


def _comments(run: QuantizationRun, pitfalls: Iterable[Pitfall]) -> Iterator[str]:
    yield f"# AutoRound {run.version}"
    for pitfall in pitfalls:
        sign = "" if pitfall.avoided else "! "
        yield f"# {sign}{pitfall.name}: {pitfall.about}; {pitfall.remedy}."


def _python_lines(run: QuantizationRun, pitfalls: list[Pitfall]) -> Iterator[str]:
    yield from _comments(run, pitfalls)
    if run.tokenizer.written_from is not None:
        words = ["calibset", "tokenizer", run.tokenizer.written_from, "--out", run.tokenizer.path]
        yield f"# Write the tokenizer's folder first: {shlex.join(words)}"
    model_class = "AutoModelForImageTextToText" if run.model.multimodal else "AutoModelForCausalLM"
    trust = ", trust_remote_code=True" if run.options.trust_remote_code else ""
    if run.ids is not None:
        yield "import torch"
    yield "from auto_round import AutoRound"
    if run.ids is not None:
        yield "from pyarrow import parquet"
    yield f"from transformers import {model_class}, AutoTokenizer"
    yield ""
    yield f'model = {model_class}.from_pretrained({run.model.path!r}, dtype="auto"{trust})'
    yield f"tokenizer = AutoTokenizer.from_pretrained({run.tokenizer.path!r}{trust})"
    if run.ids is None:
        yield f"dataset = {run.dataset!r}"
    else:
        yield f'ids = torch.tensor(parquet.read_table({run.ids!r})["input_ids"].to_pylist())'
        yield "# The mask matters if the tokenizer pads with a token that occurs in rows."
        yield (
            'dataset = [{"input_ids": rows, "attention_mask": torch.ones_like(rows)} '
            f"for rows in ids.split({run.batch_size})]"
        )
    yield "autoround = AutoRound("
    yield "    model,"
    yield "    tokenizer,"
    yield from (f"    {name}={value}," for name, value in _keywords(run))
    yield ")"
    yield f"autoround.quantize_and_save({run.options.output!r}, format={run.options.format!r})"


def _keywords(run: QuantizationRun) -> Iterator[tuple[str, str]]:
    options = run.options
    yield "scheme", repr(options.scheme)
    for name in ("bits", "group_size", "sym"):
        if not options.is_left_to_scheme(name):
            yield name, repr(getattr(options, name))
    yield "dataset", "dataset"
    yield "nsamples", repr(run.nsamples)
    yield "seqlen", repr(run.seqlen)
    yield "iters", repr(options.iters)
    yield "batch_size", repr(run.batch_size)
    if options.gradient_accumulate_steps != 1:
        yield "gradient_accumulate_steps", repr(options.gradient_accumulate_steps)
    yield "low_gpu_mem_usage", repr(options.low_gpu_mem_usage)
    if options.device is not None:
        yield "device_map", repr(options.device)
    if options.torch_compile is not None:
        yield "enable_torch_compile", repr(options.torch_compile)
