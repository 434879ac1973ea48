"""What `init` found, a row of each source, and what to do next, as text and as data."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from calibset.cli.console import create_table, open_console, print_line, print_lines
from calibset.core.quantizer_names import DEFAULT_QUANTIZER
from calibset.core.text import printable_line
from calibset.storage.file_names import list_some

if TYPE_CHECKING:
    from calibset.pipeline.drafting.draft import RecipeDraft
    from calibset.pipeline.drafting.file_kinds import Unread
    from calibset.pipeline.drafting.survey import SourceGuess
    from calibset.pipeline.drafting.trial import SourceTrial

# A row is shown by its beginning: enough to see whether columns, turns and letters are right.
_MOST_LINES, _MOST_CHARACTERS = 12, 700
_MOST_REASONS = 12


def ask(question: str, *, default: str = "") -> str:
    """Ask a question on the terminal, and return the answer; the default if it is empty."""
    sys.stderr.write(f"{printable_line(question)}{f' [{default}]' if default else ''}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() or default


def print_draft(draft: RecipeDraft) -> None:
    """Print what was found, a row of each source, and what to do next."""
    table = create_table("source", "type", "gives", "what is read", share=">", files=">", rows=">")
    for source in draft.sources:
        trial = draft.trials[source.name]
        table.add_row(
            source.name,
            source.type,
            trial.gives,
            ", ".join(source.patterns[:3]) + (" …" if len(source.patterns) > 3 else "") or source.input.where,
            f"{draft.recipe.sources[source.name].weight:.0%}",
            str(len(source.files)),
            _rows(trial),
        )
    open_console().print(table)
    print_lines(_unread_lines(draft.unread))
    print_lines(_left_lines(draft.sources))
    print_lines(f"left out: {name}: {problem}" for name, problem in draft.dropped.items())
    for source in draft.sources:
        _print_sample(source.name, draft.trials[source.name])
    print_lines(f"note: {note}" for note in draft.notes)
    print_lines(_next_lines(draft))


def draft_data(draft: RecipeDraft) -> dict[str, Any]:
    """Return a draft as data."""
    return {
        "recipe": str(draft.path),
        "nsamples": draft.recipe.nsamples,
        "seqlen": draft.recipe.seqlen,
        "tokenizer": draft.recipe.tokenizer,
        "sources": [
            {
                "name": source.name,
                "type": source.type,
                "where": source.input.where,
                "files": list(source.files),
                "left_columns": list(source.left_columns),
                "left_sheets": list(source.left_sheets),
                "gives": draft.trials[source.name].gives,
                "rows": draft.trials[source.name].rows,
                "has_more_rows": not draft.trials[source.name].is_exhausted,
                "first_row": sample.text if (sample := draft.trials[source.name].sample) else None,
            }
            for source in draft.sources
        ],
        "unread": [{"file": file.name, "reason": file.reason} for file in draft.unread],
        "left_out": dict(draft.dropped),
        "notes": list(draft.notes),
    }


def _rows(trial: SourceTrial) -> str:
    return str(trial.rows) if trial.is_exhausted else f"{trial.rows} or more"


def _unread_lines(unread: Sequence[Unread]) -> Iterator[str]:
    """Yield the files that are not read, counted by ending and reason."""
    counts = Counter((_ending(file.name), file.reason) for file in unread)
    for (ending, reason), count in counts.most_common(_MOST_REASONS):
        names = [file.name for file in unread if (_ending(file.name), file.reason) == (ending, reason)]
        yield f"not read: {names[0] if count == 1 else f'{count} × {ending}'}: {reason}"
    if len(counts) > _MOST_REASONS:
        yield f"not read: files for {len(counts) - _MOST_REASONS} more reasons; --json names each"


def _left_lines(sources: Sequence[SourceGuess]) -> Iterator[str]:
    """Yield which columns and sheets of the files that are read aren't."""
    for source in sources:
        if source.left_columns:
            yield f"{source.name}: columns that are not read: {list_some(source.left_columns, 12)}"
        if source.left_sheets:
            yield f"{source.name}: sheets that are not read: {list_some(source.left_sheets, 12)}"


def _ending(name: str) -> str:
    base = name.rpartition("/")[2]
    return f".{base.rpartition('.')[2].lower()}" if "." in base[1:] else base


def _print_sample(name: str, trial: SourceTrial) -> None:
    from rich.text import Text

    console = open_console()
    if trial.sample is None:
        print_line(
            f"{name}: too little for a row of its own" + (f" ({trial.left_out})" if trial.left_out else "")
        )
        return
    console.rule(Text(printable_line(f"a row of {name}: {trial.gives}")), style="dim", align="left")
    text = trial.sample.text[:_MOST_CHARACTERS]
    lines = text.splitlines()[:_MOST_LINES]
    print_lines(lines)
    if len("\n".join(lines)) < len(trial.sample.text):
        print_line(f"… ({trial.sample.tokens} tokens)")
    console.rule(style="dim")
    if trial.left_out:
        print_line(f"{name}: {trial.left_out}")


def _next_lines(draft: RecipeDraft) -> Iterator[str]:
    recipe, name = shlex.quote(str(draft.path)), draft.recipe.name
    yield f"wrote {draft.path}: {draft.recipe.nsamples} rows of {draft.recipe.seqlen} tokens"
    yield "next:"
    yield f"  calibset plan   {recipe}"
    yield f"  calibset build  {recipe}"
    quantizer = draft.recipe.quantizer
    # Others take a form of their own best, and an export says what they keep of it, too.
    is_default = quantizer == DEFAULT_QUANTIZER
    yield (
        f"  calibset verify {name}.jsonl"
        if is_default
        else f"  calibset export {name}.jsonl --for {quantizer}"
    )
