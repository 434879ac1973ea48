"""A recipe as TOML text, with a comment on each line that a newcomer may want to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from calibset.core.quantizer_names import QuantizerName
from calibset.core.text import printable
from calibset.pipeline.drafting.file_guess import Value
from calibset.pipeline.drafting.survey import SourceGuess
from calibset.recipe.toml_text import format_key, format_toml

GROUP = "own"
"""The group of all sources: within a group, one makes up for another that runs short."""

_COLUMN_COMMENTS = {
    "texts": "joined by a blank line; for conversations: { user = …, assistant = … }",
    "conversations": "who says what is in which column; `system` and `context` may be added",
}
_COMMENTS = {
    "delimiter": "what separates the fields",
    "encoding": "guessed from the first lines; look at the row that `calibset init` shows",
    "escape": "what stands before a quote inside a field",
    "messages": "the column of the turns",
    "rows_at": "the key of the rows in the file",
    "separator": "what stands between two texts of a file",
}
_COLUMN = 44


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSettings:
    """What a recipe says of the file as a whole.

    Attributes:
        name: Its name.
        tokenizer: The target model's tokenizer.
        quantizer: The quantizer.
        nsamples: The rows of the file.
        seqlen: The tokens of a row.
        shares: The weight of each source.
        is_model_known: Whether somebody named the tokenizer.
        available: What is known of how many rows there are; empty if nothing is.
    """

    name: str
    tokenizer: str
    quantizer: QuantizerName
    nsamples: int
    seqlen: int
    shares: Mapping[str, float]
    is_model_known: bool = True
    available: str = ""


def write_recipe(settings: RecipeSettings, sources: Sequence[SourceGuess]) -> str:
    """Return the TOML text of a recipe."""
    return "\n".join(_list_lines(settings, sources)) + "\n"


def _list_lines(settings: RecipeSettings, sources: Sequence[SourceGuess]) -> Iterator[str]:
    yield '# Begun by `calibset init`. Every line may be changed; the page "The recipe" has all keys.'
    yield ""
    yield _line("name", settings.name, f"the file will be {settings.name}.jsonl")
    model = (
        "the model that will be quantized: its folder, or hf://OWNER/NAME"
        if settings.is_model_known
        else "CHANGE THIS to the model that will be quantized: its folder, or hf://OWNER/NAME"
    )
    yield _line("tokenizer", settings.tokenizer, model)
    yield _line("quantizer", settings.quantizer, "whose loader must keep every row")
    rows = "the quantizer's --nsamples" + (f"; {settings.available}" if settings.available else "")
    yield _line("nsamples", settings.nsamples, rows)
    yield _line("seqlen", settings.seqlen, "tokens of a row: the quantizer's --seqlen")
    yield ""
    yield "# Sources of one group make up for each other where one runs short."
    yield "[groups]"
    yield _line(GROUP, 1.0, "the group's share of the rows; the shares of all groups sum to 1")
    for source in sources:
        yield ""
        yield from _source_lines(source, settings.shares[source.name])


def _source_lines(source: SourceGuess, share: float) -> Iterator[str]:
    count = len(source.files)
    yield f"# {count} file{'s' if count > 1 else ''}: {_comment(_list_some(source.files))}"
    if source.left_columns:
        yield f"# columns that are not read: {_comment(_list_some(source.left_columns, 12))}"
    if source.left_sheets:
        sheets = _comment(_list_some(source.left_sheets))
        yield f"# sheets that are not read (name another with sheet = …): {sheets}"
    yield f"[sources.{format_key(source.name)}]"
    yield _line("group", GROUP)
    yield _line("weight", share, "its part of the group's rows, relative to the other sources")
    yield _line("type", source.type, "how it is read; `calibset sources` lists all types")
    yield _line("where", source.input.where, "a path (relative to this file), https://… or hf://datasets/…")
    if source.input.revision:
        yield _line("revision", source.input.revision, "the branch, tag or commit")
    if source.patterns:
        more = f"; the splits {', '.join(source.splits)} are not read" if source.splits else ""
        yield _line("files", source.patterns, f"names or patterns of the files that are read{more}")
    for key, value in source.keys.items():
        kind = "conversations" if isinstance(value, Mapping) else "texts"
        yield _line(key, value, _COLUMN_COMMENTS[kind] if key == "columns" else _COMMENTS[key])
    if source.assumes_utf8:
        yield _line("encoding", "utf-8", _COMMENTS["encoding"])
    yield _line("licence", "unknown", "an SPDX identifier such as CC-BY-4.0; cards and licence rules use it")


def _line(key: str, value: Value | int | float, comment: str = "") -> str:
    line = f"{format_key(key)} = {format_toml(value)}"
    return f"{line:<{_COLUMN}} # {_comment(comment)}" if comment else line


def _comment(text: str) -> str:
    return " ".join(printable(text).split())


def _list_some(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
