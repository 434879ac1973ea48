"""Writes reference/recipe.md and reference/sources.md from the models that define them.

Run by `python docs/reference.py`, and by MkDocs before it builds.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from calibset.hygiene.options import Decontamination, Hygiene
from calibset.quantizers.autoround.options import Quantization
from calibset.recipe.model import Recipe
from calibset.selection.options import Holdout, Selection
from calibset.sources import ADAPTERS, Source, get_adapter
from calibset.tokenizers.chat_templates.options import FORMATS, ChatOptions

DOCS = Path(__file__).parent

RECIPE = """\
# The recipe

A dataset recipe is a TOML file. Unknown keys and bad values are faults; all faults are reported at once, each with its key.
`calibset schema` prints a JSON Schema for editors. `--set key.path=value` overrides any key.

## Keys

{keys}

## Variants of a recipe

`extends` names a base, whose every key holds unless the recipe says another. A variant for another model is five lines:

<!-- variant -->
```toml
extends = "coding"                              # a recipe that `calibset recipes` lists, or "FILE.toml"
name = "coding-small"
tokenizer = "hf://Qwen/Qwen3-Coder-30B-A3B-Instruct"
nsamples = 64
sources.oss-instruct.weight = 3
```

- A base is a recipe [of the gallery](../how-to/gallery.md), or a `.toml` file in the recipe's folder or below it. It may extend another.
- Tables are laid upon those of the base, key by key; any other value, lists too, takes the place of the base's. A source with another
  `type` takes the place of the base's source. An `[[exclude]]` changes that of the same name, or comes behind the others.
- `false` leaves out what the base has: a key of the recipe (`holdout = false`), a source (`sources.NAME = false`) or a group
  (`groups.NAME = false`).
- Relative paths of a base are those of its folder: `where = "texts"` in `sub/base.toml` is `sub/texts`. A path in a recipe of the
  gallery that doesn't come with it is a place for your own data, beside your recipe or under `--data`.
- A variant doesn't write over its base's files: it takes over neither `output` nor `holdout.output`, and without a `name` it is called
  as its own file, so that `mine.toml` gives `mine.jsonl`.
- `--set` changes the variant. Manifests and locks record the recipe as it is with its base, so that a manifest alone rebuilds the file,
  and a base that was changed makes a lock another.
- A fault is told with the file that it is in. A base that is not there, leads back to itself or lies outside the folder is a fault.

## Groups and sources

`[groups]` gives each group its share of the rows; the shares sum to 1. The group that `fill` names has no share: its rows
replace those that other sources can't give. Each `[sources.NAME]` belongs to a group and gets a part of the group's rows
according to its `weight`.

Every source has these keys, and [those of its adapter](sources.md):

{source_keys}

## Conversations

The table `[chat]` sets how conversations are rendered:

{chat_keys}

`format` is one of:

{chat_formats}

The template beside a `tokenizer.json` says what the model was trained on, not its vocabulary: many models that were tuned from
Mistral's have its control tokens and speak another format. Where such a template decides, a note says so.

The token ids are those that the model sees in service. A conversation ends with EOS, unless the template writes EOS behind other
turns and ended this one with another control token. If a row holds several conversations and the model's format has a BOS, each
of them begins with it except the first, whose BOS the quantizer's tokenizer adds. A Jinja template is rendered as
transformers renders it, in a process of its own with [bounds of time and memory](../explanation/security.md#tokenizers-and-templates), and without a
prompt for a further turn; the date that some templates write is always 26 Jul 2024.

A template is tried on test dialogues first. If it is faulty, the error names the line; if the tokenizer lacks the tokens that it
writes, that is an error as well. The trial also finds out how the template wants messages: arguments as an object or as text, the
content beside a call as `null`, calls whose ids name the tool (`functions.NAME:0`, where the model reads the name in the id), results
with the tool's name, and where it looks for thoughts. A system turn that the template adds to conversations without one is kept,
since the model reads it in service; a note quotes it. So is text that the template writes into every system turn (Llama 3.1's dates),
which `system_prompt` doesn't replace.

Each conversation is rendered a second time with placeholders in place of its texts, which shows what the template writes around
them. A conversation is rejected, with its reason, if the template leaves out a turn, a tool, a call or a key or value of its
arguments; if it cuts or changes a text, runs two turns together or gives a turn to another speaker; or if a text would become a
control token. Words beside a call may be left out, as the formats of many models do: that is counted among the
repairs of conversations, as are the calls of earlier exchanges, for which Mistral's v2 has no place. An assistant's turn counts as
read to its end when the token that ends it in this template is read.

### Reasoning

The thoughts of assistant turns are given to the template where it looks for them: in the key `reasoning_content`, `reasoning` or
`thinking`, in a part of the content, or between `<think>` and `</think>` in the content, if the template or the tokenizer knows these
tags. Mistral's v13 has control tokens for them if the `tekken.json` has `[THINK]`. Many templates write only the thoughts of the last
exchange; that is what the model reads in service. Thoughts that the model does not read are
counted in all conversations read (`thoughts_dropped`), and a note says
so if the format has no place for them. A source's key `reasoning` overrides that of `[chat]`. A note also counts the
turns without thoughts that the template gives an empty one, as Qwen3's does (`<think>` and `</think>` with nothing between).

A note says if a keyword in `template` is not read, or changes nothing in whole conversations: Qwen3's template reads
`enable_thinking` only for the turn that the model is to write next, so it is `reasoning` that decides here. gpt-oss writes its
`reasoning_effort` into the system turn.

```toml
[chat]
reasoning = "keep"
template = {{ reasoning_effort = "high" }}

[sources.short-answers]
reasoning = "drop"
```

Tool names that the format doesn't allow are replaced, and the manifest records the mapping. Mistral's format allows
ASCII letters, digits, `_` and `-`, at most 64; a Jinja template allows dots as well.

## What is repaired and filtered

The table `[hygiene]` sets what is repaired in the documents of every source and which documents are filtered; a source's
own table `[sources.NAME.hygiene]` overrides keys for that source. [Hygiene](hygiene.md) explains the rules and shows what
they do to real texts.

{hygiene_keys}

```toml
[hygiene]
duplicates = "near"

[sources.web.hygiene]
languages = ["sk"]
filters = ["length", "repetition", "tokenised"]
pii = "mask"
```

Each `[[exclude]]` names an evaluation set, so that the quantized model is not calibrated with texts on which it will be
measured. It has a `name` and the keys of its adapter, except for `group`, `weight` and `hygiene`. Evaluation sets are read to
their ends before the sources. The table `[decontamination]` sets when a document counts as holding a part of one:

{decontamination_keys}

```toml
[[exclude]]
name = "wikitext-2"
type = "parquet"
where = "hf://datasets/Salesforce/wikitext"
files = ["wikitext-2-raw-v1/test-*.parquet"]
```

## Which rows are chosen

The table `[selection]` sets which of the rows that the sources give are chosen:

{selection_keys}

The table `[holdout]` asks for a second file of the same mixture, to measure the quantized model on texts of its domain
that it was not calibrated with. The id of a document decides which of the two files it belongs to, in proportion to their
sizes, and near duplicates are filtered, so the files share no document. Tools and system prompts, which many conversations
share, may occur in both. A source that gives few rows may have none for the second file; this is a shortage like any other.
To measure files of several seeds or sizes on one holdout, give it a `share` and a `seed` of its own: each of those recipes
then keeps clear of the same documents.

{holdout_keys}

## How the model is quantized

`calibset quantize-command RECIPE --model PATH` prints the AutoRound command line and Python code for the recipe's file, for
the installed version or a named one, with the reason for each option that avoids a pitfall. It runs nothing. `nsamples` and
`seqlen` are the recipe's; the table `[quantization]` sets the rest and has no influence on the calibration file:

{quantization_keys}

## Locations

| `where` | what is read |
|---|---|
| `hf://datasets/OWNER/NAME` | a dataset repository on the hub (or at `HF_ENDPOINT`), at `revision`; of `…/NAME/data` the files of that folder, of `…/NAME/data/*.parquet` those that match |
| `https://…` | a file; or, ending in `/`, a folder of the files that `files` names |
| a path | a file or folder: absolute, or relative to `--data DIR` (or `CALIBSET_DATA`), otherwise to the recipe's folder |

Several locations of `where` are read together; of files of one name, the later have their location's number before it (`2/a.txt`).
A path may end in a pattern (`contracts/*.txt`). If one of the locations doesn't exist, the first of `fallbacks` that does is read
instead, and the manifest records which. `--mirror PREFIX=REPLACEMENT` (or
`CALIBSET_MIRRORS`) reads https locations from elsewhere.

If a URL's path doesn't tell what the file is (`…/download?id=5`), what the server says of it does (`Content-Disposition`, then
`Content-Type`), unless the file's first bytes are those of something else. Its documents are named after that, too.

Where a company's proxy signs what servers send, name the file of the company's certificates (PEM) with `SSL_CERT_FILE` or
`REQUESTS_CA_BUNDLE`: either serves the hub and https locations alike.
"""

SOURCES = """\
# Sources

Every adapter reads from the hub, from an https URL or from a local path. All have the keys of
[every source](recipe.md#groups-and-sources); below are the keys that only the adapter has, or that have another default in it.

## Tables: texts or conversations

The rows of `csv`, `jsonl`, `parquet`, `excel` and `hub-dataset` are texts if `columns` is a list, and conversations if it is a table
that says which column holds which turn:

```toml
[sources.faq]
group = "chats"
type = "csv"
where = "faq.csv"
delimiter = ";"
columns = {{ user = "Frage", assistant = "Antwort", context = "Produkt" }}

[sources.opus]
group = "texts"
type = "parquet"
where = "opus"
columns = "translation.sk"
```

A turn may have several columns, `user = ["title", "question"]`, which are joined by a blank line. Tables whose columns have the usual
names (`instruction` and `output`, `question` and `answer`, `prompt` and `completion` …) are read by `alpaca`, which needs no
`columns`, and lists of turns (`messages`, `conversations`) by `chat`. Plans, summaries and cards say what each source gives.

A key that a row lacks counts as null. A row without words is filtered as "empty text"; one that has none of the columns is rejected, and so is
a question without an answer. What is rejected or filtered is named by file and line, from 1 (`a.jsonl:17`), where the format has lines;
a document without an id of its own is called by file and row, from 0 (`a.jsonl#16`), in manifests, `show` and `diff`. `max_rejected` sets how many rejections are too many, for all sources or for one.

{adapters}
"""


def on_pre_build(config: Any) -> None:  # noqa: ARG001  (MkDocs calls it so)
    """Write the pages before MkDocs reads them."""
    for name, text in pages().items():
        path = DOCS / name
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """Return the generated pages by file name."""
    adapters = "\n\n".join(_describe_adapter(name) for name in ADAPTERS)
    return {
        "reference/recipe.md": RECIPE.format(
            keys=_key_table(Recipe),
            source_keys=_key_table(Source),
            chat_keys=_key_table(ChatOptions),
            chat_formats="\n".join(f"- `{name}`: {meaning}" for name, meaning in FORMATS.items()),
            hygiene_keys=_key_table(Hygiene),
            decontamination_keys=_key_table(Decontamination),
            selection_keys=_key_table(Selection),
            holdout_keys=_key_table(Holdout),
            quantization_keys=_key_table(Quantization),
        ),
        "reference/sources.md": SOURCES.format(adapters=adapters),
    }


def _describe_adapter(name: str) -> str:
    cls = get_adapter(name)
    shared = Source.model_fields
    own = {
        key
        for key, info in cls.model_fields.items()
        if key != "type" and (key not in shared or info.default != shared[key].default)
    }
    description = (cls.__doc__ or "").split("\n\n    Attributes:")[0]
    paragraphs = "\n".join(line.strip() for line in description.strip().splitlines())
    return f"## {name}\n\n{paragraphs}" + (f"\n\n{_key_table(cls, own)}" if own else "")


def _key_table(model: type[BaseModel], only: set[str] | None = None) -> str:
    return "\n".join(["| key | default | what it means |", "|---|---|---|", *_key_rows(model, only)])


def _key_rows(model: type[BaseModel], only: set[str] | None) -> Iterator[str]:
    for key, info in model.model_fields.items():
        if only is not None and key not in only:
            continue
        default = "*required*" if info.is_required() else ""
        if info.default not in (None, PydanticUndefined) and not isinstance(info.default, BaseModel):
            default = f"`{_format_toml(info.default)}`"
        yield f"| `{key}` | {default} | {escape(info.description or '', quote=False)} |"


def _format_toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_format_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    on_pre_build(None)
