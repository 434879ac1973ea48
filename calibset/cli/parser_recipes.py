"""The parsers of the commands on a recipe."""

from __future__ import annotations

import argparse

from calibset.cli.parser_common import (
    Commands,
    add_command,
    add_json,
    add_out,
    add_output,
    add_overrides,
    add_quantizer,
    add_recipe,
    add_recipe_file,
    add_rejects,
    add_workers,
    positive,
    positive_or_all,
)
from calibset.core.quantizer_names import DEFAULT_QUANTIZER

_LOCATIONS = """\
locations:
  --data DIR (or CALIBSET_DATA) is the folder in which relative locations are looked up first.
  --mirror https://PREFIX=https://REPLACEMENT (repeatable; or CALIBSET_MIRRORS, separated by blanks)
  reads https locations from elsewhere. HF_ENDPOINT, HF_HOME and HF_TOKEN work as for Hugging Face.
  Whatever is read from a server is cached (see `calibset cache list`) and not downloaded again; with
  --offline nothing else is read. CALIBSET_CACHE names another folder for the cache.
  A server may send nothing for 30 seconds, or for as many as CALIBSET_TIMEOUT says.
"""

_LOCK = """\
lock:
  `calibset lock RECIPE` writes a file with the recipe's name and the ending .lock, which holds the
  commits, files and hashes that a build depends on. If there is one, build, plan and check read
  the locations and commits that it names.
"""


def add_recipe_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands on a recipe."""
    for add in (
        _add_init,
        _add_build,
        _add_plan,
        _add_check,
        _add_score,
        _add_lock,
        _add_repack,
        _add_quantize_command,
    ):
        add(commands)


def _add_init(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "init",
        "look at data and write a recipe for it that builds, or copy one of the gallery",
        "calibset init contracts questions.csv --tokenizer ../Qwen3-8B\n"
        "  calibset init OWNER/NAME chats.jsonl --tokenizer OWNER/MODEL\n"
        "  calibset init --from general_chat",
        "DATA is a folder, a file, OWNER/NAME or hf://datasets/OWNER/NAME (a dataset on the hub), or the\n"
        "address of a page or file. Files that are read alike become one source; others are named with the\n"
        "reason why they are not read. The sources are tried, and a row of each is shown. On a terminal,\n"
        "what can't be known is asked, unless --yes is given.\n",
    )
    command.add_argument("inputs", metavar="DATA", nargs="*", help="what to calibrate with")
    command.add_argument(
        "--from", dest="gallery", metavar="NAME", help="copy a recipe that `calibset recipes` lists, as it is"
    )
    command.add_argument(
        "--tokenizer", metavar="T", help="the model that will be quantized: its folder, or OWNER/NAME"
    )
    command.add_argument("--out", metavar="FILE.toml", help="the recipe to write (default: ./NAME.toml)")
    command.add_argument("--force", action="store_true", help="write over a recipe that is there")
    add_quantizer(command, f"the quantizer (default: {DEFAULT_QUANTIZER})", "--quantizer")
    command.add_argument("--nsamples", type=positive, metavar="N", help="rows of the file (default: 128)")
    command.add_argument("--seqlen", type=positive, metavar="N", help="tokens of a row (default: 2048)")
    command.add_argument(
        "--share",
        metavar="NAME=0.4",
        type=_share,
        action="append",
        default=[],
        help="a source's share of the rows (repeatable; the others share the rest equally)",
    )
    command.add_argument("--yes", "-y", action="store_true", help="ask nothing")
    command.add_argument(
        "--offline", action="store_true", help="contact no server: read only what is cached, or fail"
    )
    add_output(command)


def _share(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        share = float(number)
    except ValueError:
        share = 0
    if not name or not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"must be NAME=SHARE, a share above 0 and at most 1, got {text!r}")
    return name, share


def _add_build(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "build",
        "build a calibration file and its manifest",
        "calibset build slovak_insurance.toml --data ~/corpora --out sk.jsonl --set seed=7",
        _LOCATIONS + "\n" + _LOCK,
    )
    add_recipe(command)
    add_out(command)
    add_rejects(command)
    command.add_argument(
        "--locked",
        action="store_true",
        help="fail unless the build is what the recipe's lock says, to the byte",
    )
    add_workers(command)
    add_output(command)


def _add_plan(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "plan",
        "show what a build would read and how much, and try a record of each source",
        "calibset plan slovak_insurance.toml --preview",
        "Exits 1 if a build would fail, as far as the first records tell. Of a file on a server only the\n"
        "beginning is downloaded, of a parquet file a row group.\n\n" + _LOCATIONS,
    )
    add_recipe(command)
    command.add_argument(
        "--preview", action="store_true", help="show a document of each source as the model reads it"
    )
    command.add_argument(
        "--no-try", action="store_true", help="read no record, only the names and sizes of files"
    )
    add_out(command)
    command.set_defaults(rejects=None)
    add_output(command)


def _add_check(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "check",
        "read every source to its end and count its documents, rejected and filtered records",
        "calibset check quickstart.toml",
        _LOCATIONS,
    )
    add_recipe(command)
    add_rejects(command)
    add_workers(command)
    add_output(command)


def _add_score(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "score",
        "examine every document of a corpus once, so that a build can choose from all of them",
        "calibset score recipe.toml --source web --workers 8\n  calibset build recipe.toml",
        "A build reads a fair sample of a corpus. With scores it chooses from the whole of it: the\n"
        "language, quality, length and terms of each document, and what a build would filter it for, are\n"
        "kept in a folder. A source that names the folder reads only the documents that it chooses:\n\n"
        "  [sources.web]\n"
        '  scores = "scores"\n'
        '  choose = "coverage"        # or "quality", or "random"\n'
        "  choose_where = 'language == \"sk\" and language_score > 0.9 and tokens >= 200'\n\n"
        "Parts that are scored already are skipped: an interrupted run goes on where it was, and several\n"
        "machines may share the folder. The scores are the same bytes however many work on them. At\n"
        "the end, documents that nearly repeat another are looked for in all of the corpus.\n\n" + _LOCATIONS,
    )
    add_recipe(command)
    command.add_argument(
        "--source",
        metavar="NAME",
        action="append",
        help="the source to score (repeatable; default: those that name a folder of scores, or else all)",
    )
    command.add_argument(
        "--scores",
        metavar="DIR",
        help="the folder or URL (s3://…) of the scores (default: the source's `scores`, or else `scores` "
        "beside the recipe)",
    )
    command.add_argument(
        "--workers", type=positive, metavar="N", default=1, help="processes that score at once (default: 1)"
    )
    add_output(command)


def _add_lock(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "lock",
        "record what a build depends on, so that it can be repeated byte for byte",
        "calibset lock quickstart.toml\n  calibset build --locked quickstart.toml",
        _LOCK + "\nTo record this, it builds the set from the current commits of its locations.\n",
    )
    add_recipe(command)
    add_workers(command)
    add_output(command)


def _add_repack(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "repack",
        "make rows that the quantizer keeps of the texts of a file that another script wrote",
        "calibset repack theirs.jsonl --tokenizer ./model --seqlen 2048 --out rows.jsonl",
        "Rows are texts (one key, or `text`), bare strings, messages, which the tokenizer's chat template\n"
        "renders, or input_ids, which the tokenizer decodes. Short texts are joined, long ones go on in the\n"
        "next row, in the order of the seed; what is left over is counted.\n",
    )
    command.add_argument("files", metavar="FILE", nargs="+", help="JSON Lines, JSON, parquet or plain text")
    command.add_argument(
        "--tokenizer", metavar="T", required=True, help="the target model's: a name, file or folder"
    )
    command.add_argument(
        "--seqlen",
        type=positive,
        metavar="N",
        default=2048,
        help="the least tokens of a row (default: 2048)",
    )
    command.add_argument(
        "--nsamples",
        type=positive_or_all,
        metavar="N",
        help="the rows to make, or all that the texts give (default: all)",
    )
    add_quantizer(command, f"the quantizer that must keep the rows (default: {DEFAULT_QUANTIZER})")
    command.add_argument(
        "--out", metavar="FILE", help="the .jsonl file to write (default: FILE's name with .repacked.jsonl)"
    )
    command.add_argument("--column", metavar="KEY", help="the key of the texts, ids or messages")
    command.add_argument(
        "--control-tokens",
        choices=["auto", "keep", "neutralise"],
        default="auto",
        help="whether control tokens spelled in texts are tokens; if a chat template wrote them, by default",
    )
    command.add_argument("--seed", type=int, metavar="N", default=42, help="fixes the order of the texts")
    add_output(command)


def _add_quantize_command(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "quantize-command",
        "print the commands and the Python code that quantize a model with a recipe's file",
        "calibset quantize-command slovak_insurance.toml --model ../Mistral-Small-3.2-24B",
        "For AutoRound the recipe's table [quantization] says how, and a comment gives the reason for each\n"
        "unusual option. For another quantizer it is the export of the file, and how it is read. Nothing is\n"
        "run.\n",
    )
    add_recipe_file(command)
    command.add_argument("--model", metavar="PATH", required=True, help="the model's folder, or OWNER/NAME")
    command.add_argument("--file", metavar="FILE", help="the calibration file (default: the recipe's own)")
    command.add_argument(
        "--ids",
        metavar="FILE",
        help="token ids that `calibset export` wrote, instead of the calibration file",
    )
    command.add_argument(
        "--autoround",
        metavar="VERSION",
        help="the version of AutoRound (default: the installed one, or else the newest that is known)",
    )
    kind = command.add_mutually_exclusive_group()
    kind.add_argument("--multimodal", action="store_true", help="the model takes images as well")
    kind.add_argument(
        "--text-only",
        action="store_true",
        help="the model takes only text; without either option its config.json decides",
    )
    add_overrides(command)
    command.add_argument(
        "--only", choices=["command", "python"], help="print only the command line, or only the Python code"
    )
    add_json(command)
