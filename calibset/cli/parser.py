"""The parser of the command line, and the help that teaches it."""

from __future__ import annotations

import argparse
import sys
from typing import Any, get_args

from calibset.core.quantizer_names import DEFAULT_QUANTIZER, QuantizerName

# argparse has no public name for it.
_Commands = argparse._SubParsersAction  # noqa: SLF001

_DESCRIPTION = """\
Build calibration datasets for post-training quantization, from one TOML recipe:
weighted sources, rows of an exact token length, proof that the quantizer keeps them.

  calibset init   MY_DATA --tokenizer MY_MODEL       write a recipe for data of your own
  calibset plan   recipes/slovak_insurance.toml      what would be read, and whether it can
  calibset build  recipes/slovak_insurance.toml      write the file and its manifest
  calibset verify slovak-insurance.jsonl             which rows the quantizer keeps
"""

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


def create_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="calibset", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for add in (
        _add_init, _add_build, _add_plan, _add_check, _add_lock, _add_repack, _add_quantize_command,
        _add_verify,
        _add_export, _add_show, _add_report, _add_card, _add_diff, _add_evaluate, _add_compare,
        _add_serve_config, _add_cache,
        _add_tokenizer, _add_sources, _add_schema, _add_completion,
    ):  # fmt: skip
        add(commands)
    return parser


class _Version(argparse.Action):
    """Prints the version, which is looked up only now, so that --help stays quick."""

    def __init__(self, option_strings: list[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **rest)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"calibset {version('calibset')}\n")
        parser.exit()


# --- commands on a recipe -----------------------------------------------------------------


def _add_init(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "init",
        "look at data and write a recipe for it that builds",
        "calibset init contracts questions.csv --tokenizer ../Qwen3-8B\n"
        "  calibset init OWNER/NAME chats.jsonl --tokenizer OWNER/MODEL",
        "DATA is a folder, a file, OWNER/NAME or hf://datasets/OWNER/NAME (a dataset on the hub), or the\n"
        "address of a page or file. Files that are read alike become one source; others are named with the\n"
        "reason why they are not read. The sources are tried, and a row of each is shown. On a terminal,\n"
        "what can't be known is asked, unless --yes is given.\n",
    )
    command.add_argument("inputs", metavar="DATA", nargs="+", help="what to calibrate with")
    command.add_argument(
        "--tokenizer", metavar="T", help="the model that will be quantized: its folder, or OWNER/NAME"
    )
    command.add_argument("--out", metavar="FILE.toml", help="the recipe to write (default: ./NAME.toml)")
    command.add_argument("--force", action="store_true", help="write over a recipe that is there")
    command.add_argument(
        "--for", "--quantizer", dest="quantizer", choices=get_args(QuantizerName), default=DEFAULT_QUANTIZER,
        help=f"the quantizer (default: {DEFAULT_QUANTIZER})",
    )  # fmt: skip
    command.add_argument("--nsamples", type=_positive, metavar="N", help="rows of the file (default: 128)")
    command.add_argument("--seqlen", type=_positive, metavar="N", help="tokens of a row (default: 2048)")
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
    _add_output(command)


def _share(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        share = float(number)
    except ValueError:
        share = 0
    if not name or not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"must be NAME=SHARE, a share above 0 and at most 1, got {text!r}")
    return name, share


def _add_build(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "build",
        "build a calibration file and its manifest",
        "calibset build recipes/slovak_insurance.toml --data ~/corpora --out sk.jsonl --set seed=7",
        _LOCATIONS + "\n" + _LOCK,
    )
    _add_recipe(command)
    _add_out(command)
    _add_rejects(command)
    command.add_argument(
        "--locked",
        action="store_true",
        help="fail unless the build is what the recipe's lock says, to the byte",
    )
    _add_output(command)


def _add_plan(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "plan",
        "show what a build would read and how much, and try a record of each source",
        "calibset plan recipes/slovak_insurance.toml --preview",
        "Exits 1 if a build would fail, as far as the first records tell. Of a file on a server only the\n"
        "beginning is downloaded, of a parquet file a row group.\n\n" + _LOCATIONS,
    )
    _add_recipe(command)
    command.add_argument(
        "--preview", action="store_true", help="show a document of each source as the model reads it"
    )
    command.add_argument(
        "--no-try", action="store_true", help="read no record, only the names and sizes of files"
    )
    _add_out(command)
    command.set_defaults(rejects=None)
    _add_output(command)


def _add_check(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "check",
        "read every source to its end and count its documents, rejected and filtered records",
        "calibset check recipes/quickstart.toml",
        _LOCATIONS,
    )
    _add_recipe(command)
    _add_rejects(command)
    _add_output(command)


def _add_lock(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "lock",
        "record what a build depends on, so that it can be repeated byte for byte",
        "calibset lock recipes/quickstart.toml\n  calibset build --locked recipes/quickstart.toml",
        _LOCK + "To record this, it builds the set from the current commits of its locations.\n",
    )
    _add_recipe(command)
    _add_output(command)


def _add_repack(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
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
        type=_positive,
        metavar="N",
        default=2048,
        help="the least tokens of a row (default: 2048)",
    )
    command.add_argument(
        "--nsamples",
        type=_positive_or_all,
        metavar="N",
        help="the rows to make, or all that the texts give (default: all)",
    )
    _add_quantizer(command, "the quantizer that must keep the rows (default: autoround)")
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
    _add_output(command)


def _add_quantize_command(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "quantize-command",
        "print the commands and the Python code that quantize a model with a recipe's file",
        "calibset quantize-command recipes/slovak_insurance.toml --model ../Mistral-Small-3.2-24B",
        "For AutoRound the recipe's table [quantization] says how, and a comment gives the reason for each\n"
        "unusual option. For another quantizer it is the export of the file, and how it is read. Nothing is\n"
        "run.\n",
    )
    command.add_argument(
        "recipe", help="the dataset recipe (TOML), or the manifest of a file, which holds its recipe"
    )
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
    _add_overrides(command)
    command.add_argument(
        "--only", choices=["command", "python"], help="print only the command line, or only the Python code"
    )
    _add_json(command)


# --- commands on a calibration file -------------------------------------------------------


def _add_verify(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "verify",
        "show which rows of a calibration file a quantizer keeps, whoever wrote the file",
        "calibset verify theirs.jsonl --tokenizer ./tokenizer --seqlen 2048 --nsamples 512",
        "Exits 1 if a row is lost or there are too few, and 3 if that can't be judged. Options that are not\n"
        "given are taken from the manifest beside the file, or beside the file that it was exported from;\n"
        "if there is none, they are mistral-small-3.2, 2048 and 512. What was found ends with the command\n"
        "that mends it.\n"
        "With --backend it also exits 1 if that tokenizer of transformers reads a row differently.\n",
    )
    command.add_argument("file", help="JSON Lines, a .json array, or a file exported for the quantizer")
    _add_quantizer(command, "the quantizer (default: the manifest's, or else autoround)")
    command.add_argument("--tokenizer", metavar="T", help="the quantizer's tokenizer: a name, file or folder")
    command.add_argument("--seqlen", type=_positive, metavar="N", help="the tokens that it reads of a row")
    command.add_argument("--nsamples", type=_positive, metavar="N", help="the rows that it asks for")
    command.add_argument(
        "--backend",
        choices=["auto", "fast", "mistral-common", "tokenizers"],
        help="check as well whether this tokenizer of transformers reads the ids that were counted: what "
        "AutoTokenizer loads from the model's folder, the fast one of a tokenizer.json, "
        "MistralCommonBackend, or TokenizersBackend of a tekken.json",
    )
    _add_verbose(command)
    _add_output(command)


def _add_export(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "export",
        "write a calibration file in the form that suits a quantizer best, or as token ids",
        "calibset export slovak-insurance.jsonl --for gptqmodel\n"
        "  calibset export slovak-insurance.jsonl --format input_ids --out slovak-insurance.parquet",
        "With --for it shows what the quantizer keeps, and how to give it the file. input_ids is a parquet\n"
        "file whose rows are BOS and token ids, cut at seqlen, for any tool that takes ids; the tool's own\n"
        "tokenizer is not used. Options that are not given are taken from the manifest beside FILE.\n",
    )
    command.add_argument("file", help="a calibration file")
    kind = command.add_mutually_exclusive_group(required=True)
    _add_quantizer(kind, "the quantizer")
    kind.add_argument("--format", choices=["input_ids"], help="the form to write, for any quantizer")
    command.add_argument(
        "--out", metavar="FILE", help="the file to write (default: FILE's name with the ending of its form)"
    )
    command.add_argument("--tokenizer", metavar="T", help="the target model's: a name, file or folder")
    command.add_argument("--seqlen", type=_positive, metavar="N", help="the ids of a row, BOS included")
    _add_verbose(command)
    _add_output(command)


def _add_show(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "show",
        "print a row with its documents and control tokens marked",
        "calibset show slovak-insurance.jsonl 3",
    )
    command.add_argument("file", help="a calibration file")
    command.add_argument("row", type=_positive, metavar="N", help="the number of the row, from 1")
    command.add_argument(
        "--tokenizer", metavar="T", help="whose control tokens to mark (default: the manifest's)"
    )
    _add_json(command)


def _add_report(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "report",
        "write an HTML page about a calibration file: mixture, coverage, rejects, every row",
        "calibset report slovak-insurance.jsonl --out slovak-insurance.html",
        "The page is one file and loads nothing else. To write it, install calibset[report].\n",
    )
    command.add_argument("file", help="a calibration file; without a manifest only its rows are told of")
    command.add_argument(
        "--out", metavar="FILE.html", help="the page to write (default: FILE's name with .report.html)"
    )
    command.add_argument("--tokenizer", metavar="T", help="the target model's (default: the manifest's)")
    _add_output(command)


def _add_card(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "card",
        "write the dataset card of a calibration file, or a section for the card of a model",
        "calibset card slovak-insurance.jsonl --out card\n"
        "  calibset card slovak-insurance.jsonl --model >> MODEL/README.md\n"
        "  calibset card --model --evaluation compare.json --throughput bench.json >> MODEL/README.md",
        "The card is a README.md for the Hugging Face hub: sources, licences and what they require, method,\n"
        "hashes, how to build the file again; an ATTRIBUTION.md goes with it. It is not legal advice.\n"
        "--push uploads file, manifest, holdout and card to a dataset repository, private unless --public.\n"
        "A model's benchmark sections are made of measured files alone; what was not measured is left out,\n"
        "and said.\n",
    )
    command.add_argument(
        "file",
        nargs="?",
        help="a calibration file; without a manifest only its rows are told of (none: the benchmarks alone)",
    )
    kind = command.add_mutually_exclusive_group()
    kind.add_argument("--model", action="store_true", help="print sections for a model's card instead")
    kind.add_argument(
        "--out", metavar="DIR", help="the folder to write README.md and ATTRIBUTION.md to (default: print)"
    )
    kind.add_argument("--push", metavar="OWNER/NAME", help="upload everything to this repository of the hub")
    command.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="the recipe that the file was built with; the card names it, and --push uploads it",
    )
    command.add_argument(
        "--tokenizer",
        metavar="T",
        help="without a manifest: what reads the rows (default: mistral-small-3.2)",
    )
    command.add_argument(
        "--evaluation",
        metavar="FILE",
        action="append",
        default=[],
        help="with --model: what `calibset compare --json` wrote (repeatable)",
    )
    command.add_argument(
        "--throughput",
        metavar="FILE",
        action="append",
        default=[],
        help="with --model: what `vllm bench serve --save-result` wrote (repeatable)",
    )
    command.add_argument("--public", action="store_true", help="with --push: make the repository public")
    _add_output(command)


def _add_diff(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "diff",
        "show what changed between two manifests, or between two locks",
        "calibset diff monday.manifest.json friday.jsonl",
        "For a calibration file, the manifest beside it is compared. Exits 1 if something differs.\n",
    )
    command.add_argument("before", metavar="A", help="a manifest, a lock, or a calibration file")
    command.add_argument("after", metavar="B", help="another of the same kind")
    _add_json(command)


# --- commands on models -------------------------------------------------------------------


def _add_evaluate(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "evaluate",
        "measure a model on a data set: what it says of each token, to compare models by",
        "calibset evaluate ./Qwen3-8B --data sk.holdout.jsonl --out base.parquet\n"
        "  calibset evaluate http://localhost:8000 --data sk.holdout.jsonl --out w4.parquet\n"
        "  calibset compare base.parquet w4.parquet",
        "TARGET is the address of a vLLM or SGLang server, or a model's folder, which is run here (install\n"
        "calibset[evaluate]). The server's key, if it wants one, is in CALIBSET_API_KEY.\n\n"
        "data:\n"
        "  a calibration file or holdout (figures by source and group), wikitext-2 (the test split of the\n"
        "  hub, joined as in wiki.test.raw), a text, or JSON Lines with a text each. Texts are cut into\n"
        "  windows of --ctx tokens that don't overlap, and the second half of each is scored, as llama.cpp\n"
        "  does; with --score, rows are measured whole.\n\n"
        "continuations:\n"
        "  --generate 128:64 lets the model write 64 tokens after prompts of 128, the likeliest each time,\n"
        "  and --calls lets it write where a conversation of the data calls a tool. Another model is then\n"
        "  measured on the same continuations with --follow.\n\n"
        "  calibset evaluate ./base --data sk.holdout.jsonl --generate 128:128 --calls --out base.parquet\n"
        "  calibset evaluate ./w4 --data sk.holdout.jsonl --follow base.parquet --out w4.parquet\n\n"
        "A run that is interrupted, or whose server goes away, keeps what it has measured in OUT.parts; the\n"
        "same command goes on from there.\n",
    )
    command.add_argument("target", metavar="TARGET", help="http://… of a server, or a model's folder")
    command.add_argument(
        "--data",
        metavar="DATA",
        required=True,
        help="a calibration file or holdout, wikitext-2, .txt, .jsonl",
    )
    command.add_argument(
        "--out", metavar="FILE.parquet", help="the file to write (default: MODEL-DATA.parquet)"
    )
    _add_windows(command)
    command.add_argument(
        "--top-k",
        type=_positive,
        metavar="K",
        default=20,
        help="how many of the likeliest tokens are kept at each (default: 20, the most that vLLM gives "
        "unless it is started with --max-logprobs)",
    )
    command.add_argument(
        "--tokenizer", metavar="T", help="the model's tokenizer (default: the file's, or that of the folder)"
    )
    written = command.add_argument_group("continuations")
    _add_generate(written)
    written.add_argument(
        "--calls", action="store_true", help="let it write where a conversation of the data calls a tool"
    )
    _add_prompts(written)
    written.add_argument(
        "--follow", metavar="BASE.parquet", help="measure the continuations that the base wrote instead"
    )
    server = command.add_argument_group("a server")
    server.add_argument("--model", metavar="NAME", help="which of the models that it serves")
    server.add_argument(
        "--concurrency", type=_positive, metavar="N", help="how many requests run at once (default: 8)"
    )
    _add_model_folder(command)
    _add_output(command)


def _add_windows(command: argparse.ArgumentParser) -> None:
    """Add which tokens of the data are measured."""
    whole = command.add_mutually_exclusive_group()
    whole.add_argument("--ctx", type=_ctx, metavar="N", default=512, help="tokens of a window (default: 512)")
    whole.add_argument(
        "--score",
        choices=["assistant", "all"],
        help="measure whole rows: the assistant's turns in them, or every token",
    )
    command.add_argument(
        "--windows",
        type=_positive,
        metavar="N",
        help="measure only so many windows, evenly spread over the data",
    )


def _add_model_folder(command: argparse.ArgumentParser) -> None:
    """Add how a model in a folder is run."""
    folder = command.add_argument_group("a model's folder")
    folder.add_argument(
        "--dtype",
        choices=["auto", "bfloat16", "float16", "float32"],
        default="auto",
        help="what it computes in (default: auto, what its config.json says)",
    )
    folder.add_argument(
        "--device", metavar="D", help="cpu, cuda or cuda:1 (default: a graphics card if there is one)"
    )
    folder.add_argument(
        "--batch", type=_positive, metavar="N", help="windows at once (default: 8 on a card, else 1)"
    )
    command.add_argument(
        "--offline", action="store_true", help="don't ask the hub for wikitext-2: read only what is cached"
    )


def _add_generate(written: argparse._ArgumentGroup) -> None:
    written.add_argument(
        "--generate",
        metavar="PROMPT:LENGTH",
        type=_generation,
        action="append",
        default=[],
        help="let the model write LENGTH tokens after PROMPT tokens of the data (repeatable)",
    )


def _add_prompts(written: argparse._ArgumentGroup) -> None:
    written.add_argument(
        "--prompts", type=_positive, metavar="N", default=32, help="prompts of each kind (default: 32)"
    )


def _ctx(text: str) -> int:
    number = _positive(text)
    if number < 4:
        raise argparse.ArgumentTypeError(f"must be at least 4, got {text!r}")
    return number


def _generation(text: str) -> tuple[int, int]:
    prompt, _, length = text.partition(":")
    try:
        numbers = int(prompt), int(length)
    except ValueError:
        numbers = 0, 0
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"must be PROMPT:LENGTH, two numbers of tokens, got {text!r}")
    return numbers


def _add_compare(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "compare",
        "show what quantized models cost against their base, in all and by domain",
        "calibset compare base.parquet w4.parquet --page w4.html\n"
        "  calibset compare base.parquet slovak=sk-1.parquet slovak=sk-2.parquet pile=p-1.parquet\n"
        "  calibset compare ./model ./model-w4 --data holdout.jsonl",
        "BASE and OTHER are measurements that `calibset evaluate` wrote of the same windows, or folders of\n"
        "models, which are run here in one pass over --data and compared over the whole vocabulary.\n"
        "NAME=PATH names one; several with one name are runs of one recipe with different seeds, whose\n"
        "spread says whether recipes differ by more. Perplexity and its change, KL divergence (mean,\n"
        "median, 95th and 99th percentile), the change of the token's probability, and the share of same\n"
        "likeliest tokens come with 95 % intervals over documents. What comes of likely tokens alone is a\n"
        "lower bound, marked with ≥.\n",
    )
    command.add_argument("base", metavar="BASE", help="the model before it was quantized: [NAME=]PATH")
    command.add_argument("others", metavar="OTHER", nargs="+", help="a model to compare with it: [NAME=]PATH")
    command.add_argument(
        "--page", metavar="FILE.html", help="write a page too: domains, positions, and the worst windows"
    )
    command.add_argument(
        "--tokenizer",
        metavar="T",
        help="what made the ids (default: the measurement's, or the file's or folder's)",
    )
    folders = command.add_argument_group("folders of models")
    folders.add_argument(
        "--data", metavar="DATA", help="what they are measured on, as for `calibset evaluate`"
    )
    _add_windows(command)
    _add_generate(folders)
    _add_prompts(folders)
    _add_model_folder(command)
    _add_output(command)


def _add_serve_config(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "serve-config",
        "print how vLLM serves a quantized model, and the commands that measure it",
        "calibset serve-config recipes/slovak_insurance.toml --model ./quantized --card-memory 24GiB "
        "> serve.yaml\n"
        "  vllm serve --config serve.yaml\n"
        "  calibset serve-config recipes/slovak_insurance.toml --model ./quantized --only commands",
        "The configuration follows the files in the model's folder: Mistral's form or Hugging Face's, how\n"
        "weights are stored and tool calls written, its length, and what the card's memory holds. A comment\n"
        "gives the reason for each unusual line; one that begins with ! is a fault to mend first. After it\n"
        "come the commands, as comments: vLLM's load tool with 1 and 32 requests at a time, `calibset\n"
        "evaluate` and `compare` on the recipe's holdout and on WikiText-2, and the card. Nothing is run.\n",
    )
    command.add_argument(
        "recipe", help="the dataset recipe (TOML), or the manifest of a file, which holds its recipe"
    )
    command.add_argument(
        "--model", metavar="PATH", required=True, help="the model to serve: its folder, or OWNER/NAME"
    )
    command.add_argument("--card-memory", metavar="SIZE", help="the memory of the graphics card: 24GiB, 80GB")
    command.add_argument(
        "--max-model-len",
        type=_positive,
        metavar="N",
        help="the most tokens of a request with its answer (default: what the model and the card take, "
        "32768 at most)",
    )
    command.add_argument(
        "--base",
        metavar="TARGET",
        help="the model that was quantized, for the commands: its folder, or http://…",
    )
    command.add_argument("--file", metavar="FILE", help="the calibration file (default: the recipe's own)")
    command.add_argument(
        "--url",
        metavar="URL",
        default="http://localhost:8000",
        help="where the server will listen, for the commands (default: http://localhost:8000)",
    )
    _add_overrides(command)
    command.add_argument(
        "--only", choices=["config", "commands"], help="print only the configuration, or only the commands"
    )
    _add_json(command)


# --- other commands -----------------------------------------------------------------------


def _add_cache(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "cache",
        "list or clear what was read from servers and is kept on this machine",
        "calibset cache list",
        "The folder is CALIBSET_CACHE, else HF_HOME/calibset, else the system's usual one.\n",
    )
    command.add_argument("action", choices=["list", "clear"], help="what to do")
    _add_json(command)


def _add_tokenizer(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "tokenizer",
        "write a folder that AutoTokenizer loads as a fast tokenizer that parses control tokens",
        "calibset tokenizer mistral-small-3.2 --out tokenizer",
        "AutoRound needs such a tokenizer to read control tokens in rows of text: from a model folder with\n"
        "only a tekken.json it loads one that reads them as plain text.\n",
    )
    command.add_argument("name", help="a known tokenizer, or the path of a tekken.json")
    command.add_argument("--out", metavar="DIR", required=True, help="the folder to write")
    _add_output(command)


def _add_sources(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands, "sources", "list the source adapters, or the keys of one", "calibset sources bitext"
    )
    command.add_argument("name", nargs="?", help="an adapter, to see its keys")
    command.add_argument("--allow-code", action="store_true", help="allow NAME to be package.module:Class")
    _add_json(command)


def _add_completion(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "completion",
        "print a script that completes commands and options in your shell",
        "calibset completion bash > ~/.local/share/bash-completion/completions/calibset",
        "For zsh, write it to _calibset in a folder of fpath; for fish, to\n"
        "~/.config/fish/completions/calibset.fish.\n",
    )
    command.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell")


def _add_schema(commands: _Commands[argparse.ArgumentParser]) -> None:
    _add_command(
        commands,
        "schema",
        "print the JSON Schema of a recipe, for editors that check TOML",
        "calibset schema > recipe.schema.json",
    )


# --- what commands share ------------------------------------------------------------------


def _add_command(
    commands: _Commands[argparse.ArgumentParser], name: str, summary: str, example: str, more: str = ""
) -> argparse.ArgumentParser:
    """Add a command with a line on what it does, an example, and what else there is to say of it."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}\n" + (f"\n{more}" if more else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "recipe", help="the dataset recipe (TOML), or the manifest of a file, which holds its recipe"
    )
    command.add_argument(
        "--data", metavar="DIR", help="the folder in which relative locations are looked up first"
    )
    command.add_argument(
        "--mirror",
        metavar="PREFIX=REPLACEMENT",
        action="append",
        default=[],
        help="read https locations that begin with PREFIX from elsewhere (repeatable)",
    )
    command.add_argument(
        "--offline", action="store_true", help="contact no server: read only what is cached, or fail"
    )
    _add_overrides(command)


def _add_overrides(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override a key of the recipe, such as sources.pile.weight=2 (repeatable)",
    )
    command.add_argument(
        "--allow-code",
        action="store_true",
        help="allow the recipe to name adapters as package.module:Class, whose code is then run",
    )


def _add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out",
        metavar="FILE",
        help="the .jsonl file to write (default: the recipe's `output`, or else NAME.jsonl)",
    )


def _add_rejects(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--rejects",
        metavar="FILE",
        help="write what was rejected or filtered: source, position, reason, and excerpt or detail",
    )


def _add_quantizer(command: argparse.ArgumentParser | argparse._MutuallyExclusiveGroup, meaning: str) -> None:
    command.add_argument("--for", dest="quantizer", choices=get_args(QuantizerName), help=meaning)


def _add_output(command: argparse.ArgumentParser) -> None:
    _add_quiet(command)
    _add_json(command)


def _add_verbose(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--verbose", "-v", action="store_true", help="print as well what can go wrong whatever the file"
    )


def _add_quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", "-q", action="store_true", help="print nothing but errors")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _positive_or_all(text: str) -> int | None:
    return None if text == "all" else _positive(text)


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return number
