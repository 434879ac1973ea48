"""Writes the parts of the pages that the code knows better: between `<!-- generated: NAME -->` and `<!-- end -->`.

Run by `python docs/generate.py`, and by MkDocs before it builds.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from pathlib import Path
from textwrap import dedent
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from calibset.cli.parser import create_parser
from calibset.core.environment import VARIABLES
from calibset.hygiene.options import Decontamination, Hygiene
from calibset.quantizers import QUANTIZERS, FileFormat
from calibset.quantizers.autoround.options import Quantization
from calibset.recipe.model import Recipe
from calibset.recipe.toml_text import format_toml
from calibset.selection.options import Holdout, Selection
from calibset.selection.score_columns import MEASURES
from calibset.sources import ADAPTERS, Source, get_adapter
from calibset.tokenizers.chat_templates.options import FORMATS, ChatOptions

DOCS = Path(__file__).parent

TABLES: dict[str, type[BaseModel]] = {
    "the recipe": Recipe,
    "every source": Source,
    "chat": ChatOptions,
    "hygiene": Hygiene,
    "decontamination": Decontamination,
    "selection": Selection,
    "holdout": Holdout,
    "quantization": Quantization,
}
"""The tables of a recipe whose keys are described, and what defines them."""

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_PART = re.compile(r"<!-- generated: (?P<name>.*?) -->\n.*?<!-- end -->", re.DOTALL)


def on_pre_build(config: Any) -> None:  # noqa: ARG001  (MkDocs calls it so)
    """Write the pages before MkDocs reads them."""
    for path in DOCS.rglob("*.md"):
        old = path.read_text("utf-8")
        new = fill(old)
        if new != old:
            path.write_text(new, "utf-8")


def fill(page: str) -> str:
    """Return a page with what its generated parts should hold."""
    return _PART.sub(
        lambda part: f"<!-- generated: {part['name']} -->\n\n{PARTS[part['name']]()}\n\n<!-- end -->", page
    )


def describe_keys(model: type[BaseModel], only: set[str] | None = None) -> str:
    """Return a table of the keys of a model, or of some of them."""
    rows = []
    for key, info in model.model_fields.items():
        if only is not None and key not in only:
            continue
        default = "*required*" if info.is_required() else ""
        if info.default not in (None, PydanticUndefined) and not isinstance(info.default, BaseModel):
            default = f"`{format_toml(info.default)}`"
        rows.append((f"`{key}`", default, _escape(info.description or "")))
    return _table(("key", "default", "what it means"), rows)


def describe_formats() -> str:
    """Return the formats of conversations."""
    return "\n".join(f"- `{name}`: {meaning}" for name, meaning in FORMATS.items())


def describe_adapters() -> str:
    """Return a section for each adapter, with the keys that it has or changes."""
    return "\n\n".join(map(_describe_adapter, ADAPTERS))


def describe_quantizers() -> str:
    """Return what each quantizer takes."""
    rows = [
        (
            f"`{info.name}`",
            info.label,
            ", ".join(f"`{ending}`" for ending in info.reads),
            ", ".join(map(_describe_format, info.formats)),
            "joined, and cut again" if info.joins_rows else "read one by one",
            "parsed" if info.parses_control_tokens else "read as plain text",
        )
        for info in (quantizer.info for quantizer in QUANTIZERS.values())
    ]
    return _table(
        ("`--for`", "rules of", "can be given", "exported as", "rows are", "control tokens in texts are"),
        rows,
    )


def describe_pitfalls() -> str:
    """Return what can go wrong with each quantizer whatever the file."""
    infos = [quantizer.info for quantizer in QUANTIZERS.values()]
    return "\n".join(f"- {info.product}: {_escape(pitfall)}" for info in infos for pitfall in info.pitfalls)


def describe_commands() -> str:
    """Return a section for each command, from the parser of the command line."""
    first: dict[str, str] = {}
    return "\n\n".join(
        _describe_command(name, command, summary, first) for name, command, summary in commands()
    )


def commands() -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Yield each command's name, its parser, and what it does."""
    (choice,) = (
        action for action in create_parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    summaries = {action.dest: action.help or "" for action in choice._choices_actions}
    for name, command in choice.choices.items():
        yield name, command, summaries[name]


def describe_environment() -> str:
    """Return the variables of the environment."""
    rows = [(f"`{one.name}`", _escape(one.meaning), one.reader or "calibset") for one in VARIABLES]
    return _table(("variable", "what it sets", "read by"), rows)


def describe_measures() -> str:
    """Return what a condition on scores may name."""
    rows = [(f"`{name}`", meaning) for name, (_, meaning) in MEASURES.items()]
    return _table(("name", "what it says"), rows)


PARTS: dict[str, Callable[[], str]] = {
    **{f"keys of {name}": partial(describe_keys, model) for name, model in TABLES.items()},
    "formats": describe_formats,
    "adapters": describe_adapters,
    "quantizers": describe_quantizers,
    "pitfalls": describe_pitfalls,
    "commands": describe_commands,
    "environment": describe_environment,
    "measures": describe_measures,
}
"""What each generated part holds."""


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
    return f"## {name}\n\n{paragraphs}" + (f"\n\n{describe_keys(cls, own)}" if own else "")


def _describe_format(form: FileFormat) -> str:
    return f"{form.holds} `{form.ending}`" if form.ending else f"{form.holds} in a folder"


def _describe_command(
    name: str, command: argparse.ArgumentParser, summary: str, first: dict[str, str]
) -> str:
    actions = [action for action in command._actions if action.dest != "help"]
    places = [action for action in actions if not action.option_strings]
    synopsis = " ".join([f"calibset {name}", *map(_describe_place, places)])
    options = " [options]" if len(places) < len(actions) else ""
    rows = [(_name_argument(action), _escape((action.help or "") % vars(action))) for action in actions]
    parts = [f"## {name}", f"{summary[0].upper()}{summary[1:]}.", f"```text\n{synopsis}{options}\n```"]
    if rows:
        parts.append(_table(("argument", "what it means"), rows))
    for paragraph in (command.epilog or "").strip().split("\n\n"):
        # What several commands say in the same words is told of the first of them.
        is_told = first.setdefault(paragraph, name) != name
        parts.append(_describe_help(paragraph, first[paragraph] if is_told else ""))
    return "\n\n".join(parts)


def _describe_help(paragraph: str, told: str) -> str:
    """Return a paragraph of a command's help: a block of what is indented, or prose, with its heading."""
    heading, _, rest = paragraph.rpartition(":\n  ")
    lines = (rest or paragraph).splitlines()
    words = _escape("\n".join(line.strip() for line in lines)).split("`")
    # Options outside of code are code as well.
    words[::2] = (_OPTION.sub(r"`\g<0>`", part) for part in words[::2])
    text = "`".join(words)
    if heading == "example" or paragraph.startswith("  "):
        return f"```text\n{dedent('  ' + rest if heading else paragraph)}\n```"
    if heading:
        return f"**{heading.capitalize()}**: " + (f"as for [{told}](#{told})." if told else text)
    return text


def _describe_place(action: argparse.Action) -> str:
    name = _name_place(action)
    return {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} ..."}.get(str(action.nargs), name)


def _name_place(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())


def _name_argument(action: argparse.Action) -> str:
    if not action.option_strings:
        name = f"`{_name_place(action)}`"
    else:
        value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
        name = ", ".join(f"`{option}{value if action.metavar else ''}`" for option in action.option_strings)
    if action.choices is not None and ", ".join(map(str, action.choices)) not in (action.help or ""):
        name += ": " + ", ".join(f"`{choice}`" for choice in action.choices)
    return name + (" *(required)*" if action.required and action.option_strings else "")


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines])


def _escape(text: str) -> str:
    return escape(text, quote=False)


if __name__ == "__main__":
    on_pre_build(None)
