"""What a plan, a check and a build say of sources in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from calibset.cli.console import print_error
from calibset.core.short_forms import count

if TYPE_CHECKING:
    from calibset.dataset.source_reports import ScoresReport, SourceReport
    from calibset.hygiene.stats import RepairCounts
    from calibset.pipeline.check import SourceCheck
    from calibset.pipeline.plan import PlannedSource

_MOST_REASONS = 4


def repair_lines(counts: RepairCounts) -> Iterator[str]:
    """Yield what was repaired, removed and masked in texts."""
    if counts.repaired:
        yield f"repairs: {', '.join(f'{number:,} {name}' for name, number in counts.repaired.most_common())}"
    if counts.boilerplate:
        yield f"boilerplate: {counts.boilerplate:,} lines that other documents also hold were removed"
    if counts.masked:
        kinds = (count(number, kind) for kind, number in counts.masked.most_common())
        yield f"personal data: {', '.join(kinds)} replaced by made-up data"
    if counts.leading_bos:
        yield f"leading BOS: {counts.leading_bos:,} taken off texts, since the tokenizer adds one to each row"


def score_lines(scores: ScoresReport | None) -> Iterator[str]:
    """Yield among how many documents a build would choose by scores."""
    if scores:
        condition = f", those that meet {scores.choose_where}" if scores.choose_where else ""
        repeats = f" ({scores.repeats:,} repeat another)" if scores.repeats else ""
        yield (
            f"choose = {scores.choose}: among {scores.eligible:,} of {scores.documents:,} scored "
            f"documents{repeats}{condition}"
        )


def conversation_lines(reasons: Mapping[str, int], dropped_thoughts: int, read: int) -> Iterator[str]:
    """Yield how often conversations were repaired, of those read, and reasoning was left out."""
    if reasons:
        from calibset.hygiene.stats import list_commonest

        commonest = list_commonest(reasons, _MOST_REASONS)
        counts = (f"{reason}: {number:,}" for reason, number in commonest.items())
        yield f"conversations repaired (of {read:,} read): {', '.join(counts)}"
    if dropped_thoughts:
        turns = count(dropped_thoughts, "assistant turn")
        yield f"reasoning (of {count(read, 'conversation')} read): that of {turns} is not read by the model"


def stream_lines(sources: Iterable[SourceReport | PlannedSource]) -> Iterator[str]:
    """Yield which sources are no fair samples of their corpora."""
    for source in sources:
        if source.from_beginning:
            yield f"{source.name}: read from the beginning of a stream, so not a fair sample of its corpus"


def print_problems(sources: Iterable[PlannedSource | SourceCheck], table: str = "sources") -> int:
    """Print what went wrong with which source, or evaluation set; return the exit code."""
    problems = [(source.name, source.problem) for source in sources if source.problem is not None]
    for name, problem in problems:
        is_named = problem.startswith(("sources.", "exclude."))
        print_error(problem if is_named else f"{table}.{name}: {problem}")
    return 1 if problems else 0
