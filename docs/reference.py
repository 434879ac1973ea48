"""Writes recipe.md and sources.md from the models that define them.

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

A dataset recipe is a TOML file. Unknown keys and bad values are faults, all reported at once with their place;
`calibset schema` prints the JSON Schema for editors. `--set key.path=value` overrides any key.

## Keys

{keys}

## Groups and sources

`[groups]` gives each group its share of the rows; shares sum to 1. The group that `fill` names has no share: it stands
in for sources that run short. Each `[sources.NAME]` belongs to a group, where its `weight` counts against the others.

Every source has these keys, and [those of its adapter](sources.md):

{source_keys}

## Conversations

The table `[chat]` says how conversations are rendered:

{chat_keys}

`format` is one of:

{chat_formats}

The ids are those that the model sees in service. A conversation ends with EOS; where a row holds several, each begins
with BOS if the model's format has one, except the first, since the quantizer's tokenizer adds it. A Jinja template is
rendered by transformers (`pip install 'calibset[transformers]'`, without PyTorch), without a prompt for a further turn;
the date that some templates write is always 26 Jul 2024. The template is tried on a dialogue first: a faulty one is
an error that names its line, and so is a tokenizer without the tokens that it writes. A conversation of which it leaves
out a turn, a call or a tool is rejected; words beside a call may be missing, as in many models' formats.

Names of tools that the format doesn't allow are replaced, and the manifest has the mapping: Mistral's takes ASCII
letters, digits, `_` and `-`, at most 64; a Jinja template dots, too.

## What is kept out

The table `[hygiene]` says what is mended in the documents of every source and which are left out; a source's own table
`[sources.NAME.hygiene]` sets keys for it alone. [Hygiene](hygiene.md) has the rules and what they do to real texts.

{hygiene_keys}

```toml
[hygiene]
duplicates = "near"

[sources.web.hygiene]
languages = ["sk"]
filters = ["length", "repetition", "tokenised"]
pii = "mask"
```

Each `[[exclude]]` names an evaluation set, so that texts which are to measure the quantized model do not calibrate it: a
`name`, and the keys of any adapter but `group`, `weight` and `hygiene`. It is read whole before the sources are. The
table `[decontamination]` says when a document counts as holding a part of it:

{decontamination_keys}

```toml
[[exclude]]
name = "wikitext-2"
type = "parquet"
where = "hf://datasets/Salesforce/wikitext"
files = ["wikitext-2-raw-v1/test-*.parquet"]
```

## Which rows

The table `[selection]` says which of the rows that the sources give are chosen:

{selection_keys}

The table `[holdout]` asks for a second file of the same mixture, to measure the quantized model with: on the texts of its
domain, which it was not calibrated with. Documents belong to one of the two by their ids, about as many as the
files' sizes say, and near duplicates are left out, so they share none. Tools on offer and system prompts, which many
conversations share, may stand in both. A source that gives few rows may have none for the second; then others stand in as
for any shortage.

{holdout_keys}

## How the model is quantized

`calibset quantize-command RECIPE --model PATH` prints the AutoRound command line and Python code for the recipe's file, for
the installed version or a named one, with a reason beside each thing that avoids a pitfall. It runs nothing. `nsamples` and
`seqlen` are the recipe's; the table `[quantization]` has the rest, and no part in the calibration file:

{quantization_keys}

## Places

| `where` | what is read |
|---|---|
| `hf://datasets/OWNER/NAME` | a dataset repository on the hub (or at `HF_ENDPOINT`), at `revision` |
| `https://…` | a file; or, ending in `/`, a folder of the files that `files` names |
| a path | absolute; else under `--data DIR` (or `CALIBSET_DATA`), else beside the recipe |

Of several places the first that is there is read, and the manifest says which. `--mirror PREFIX=REPLACEMENT` (or
`CALIBSET_MIRRORS`) reads https places from elsewhere.
"""

SOURCES = """\
# Sources

Every adapter reads from the hub, an https URL or a local path. All have the keys of
[every source](recipe.md#groups-and-sources); below are the adapter's own, and those it narrows.

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
    adapters = "\n\n".join(_adapter(name) for name in ADAPTERS)
    return {
        "recipe.md": RECIPE.format(
            keys=_table(Recipe),
            source_keys=_table(Source),
            chat_keys=_table(ChatOptions),
            chat_formats="\n".join(f"- `{name}`: {meaning}" for name, meaning in FORMATS.items()),
            hygiene_keys=_table(Hygiene),
            decontamination_keys=_table(Decontamination),
            selection_keys=_table(Selection),
            holdout_keys=_table(Holdout),
            quantization_keys=_table(Quantization),
        ),
        "sources.md": SOURCES.format(adapters=adapters),
    }


def _adapter(name: str) -> str:
    cls = get_adapter(name)
    own = {
        key
        for key, info in cls.model_fields.items()
        if key != "type"
        and (key not in Source.model_fields or info.default != Source.model_fields[key].default)
    }
    text = (cls.__doc__ or "").split("\n\n    Attributes:")[0]
    paragraphs = "\n".join(line.strip() for line in text.strip().splitlines())
    return f"## {name}\n\n{paragraphs}" + (f"\n\n{_table(cls, own)}" if own else "")


def _table(model: type[BaseModel], only: set[str] | None = None) -> str:
    return "\n".join(["| key | default | what it means |", "|---|---|---|", *_rows(model, only)])


def _rows(model: type[BaseModel], only: set[str] | None) -> Iterator[str]:
    for key, info in model.model_fields.items():
        if only is not None and key not in only:
            continue
        default = "*required*" if info.is_required() else ""
        if info.default not in (None, PydanticUndefined) and not isinstance(info.default, BaseModel):
            default = f"`{_toml(info.default)}`"
        yield f"| `{key}` | {default} | {escape(info.description or '', quote=False)} |"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    on_pre_build(None)
