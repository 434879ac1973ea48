"""Records on their way in: counted, cleaned of what breaks tokenizers, control tokens disarmed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from calibset.chat.template import with_texts
from calibset.document import Conversation, Document, Record, Rejection, SetAside
from calibset.tokenizers.base import scalar_text
from calibset.tokenizers.control_tokens import ControlTokens

__all__ = ["Tally", "intake"]

# A run of blanks or of empty lines says no more when it is longer, and a million of them
# breaks tiktoken's regular expression.
_LONGEST_RUN = 1_000
_LONG_RUN = re.compile(rf"(?<!\s)(\s)\s{{{_LONGEST_RUN},}}")


@dataclass(slots=True)
class Tally:
    """What was met while a source was read.

    Attributes:
        documents: Documents and conversations that came in.
        rejections: Records that could not be read or hold nothing, by reason.
        set_aside: Records left out on purpose, by reason.
        examples: For each reason the first place where it was met.
        control_tokens: Spellings of control tokens that were broken apart.
        shortened: Documents in which a run of white space was shortened.
    """

    documents: int = 0
    rejections: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    control_tokens: int = 0
    shortened: int = 0

    def note(self, record: Rejection | SetAside) -> None:
        """Count a record that does not come in."""
        counts = self.rejections if isinstance(record, Rejection) else self.set_aside
        reason = scalar_text(record.reason)
        counts[reason] += 1
        self.examples.setdefault(reason, scalar_text(record.place))


def intake(
    records: Iterable[Record], tally: Tally, disarm: ControlTokens | None
) -> Iterator[Document | Conversation]:
    """Yield the documents and conversations that may be packed.

    Lone surrogates, in ids too, become U+FFFD, runs of more than 1,000 white-space characters are
    shortened, control tokens in texts are broken apart, and of records with one id the first
    is taken.

    Args:
        records: What a source yields.
        tally: Is told of everything that happens.
        disarm: The control tokens to break apart; None leaves them.
    """
    seen: set[str] = set()
    for record in records:
        if isinstance(record, Rejection | SetAside):
            tally.note(record)
            continue
        if (name := scalar_text(record.id)) != record.id:
            record = replace(record, id=name)  # noqa: PLW2901  (a manifest could not hold the other)
        if record.id in seen:
            tally.note(SetAside(place=record.id, reason="id seen before"))
            continue
        seen.add(record.id)
        cleaned = _cleaned(record, tally, disarm)
        if cleaned is None:
            tally.note(Rejection(place=record.id, reason="empty text"))
            continue
        tally.documents += 1
        yield cleaned


def _cleaned(
    record: Document | Conversation, tally: Tally, disarm: ControlTokens | None
) -> Document | Conversation | None:
    def change(text: str) -> str:
        text = _shortened(scalar_text(text), tally)
        if disarm is None or not (found := disarm.count(text)):
            return text
        tally.control_tokens += found
        return disarm.neutralised(text)

    if isinstance(record, Conversation):
        return with_texts(record, change)
    text = change(record.text).strip()
    return replace(record, text=text) if text else None


def _shortened(text: str, tally: Tally) -> str:
    if len(text) <= _LONGEST_RUN:
        return text
    shorter, found = _LONG_RUN.subn(lambda match: match.group(1) * _LONGEST_RUN, text)
    tally.shortened += bool(found)
    return shorter
