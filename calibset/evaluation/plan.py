"""What a measurement asks a model: windows to score, and prompts to continue."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar, get_args

import numpy as np

from calibset.core.errors import OutputError, RecipeError
from calibset.core.validation_errors import quote_value
from calibset.evaluation.calls import decode_written, read_calls
from calibset.evaluation.data import DataSet, Passage
from calibset.evaluation.measurement import Measurement, Score
from calibset.evaluation.spreading import spread
from calibset.evaluation.turns import TurnMarks, learn_marks
from calibset.evaluation.windows import CALLS, OWN_CALLS, TEXT, Ids, Window, cut_windows, generate_task
from calibset.tokenizers import Tokenizer

T = TypeVar("T")

WholeRows = Literal["assistant", "all"]
"""Which tokens of whole rows are scored: the assistant's turns, or every token."""

# Half a window is scored, and the first of its tokens needs some before it.
_LEAST_CTX = 4
_CTX = 512
_PROMPTS = 32
# A call is seldom longer, and a model that goes on for ever has to be stopped.
_CALL_LENGTH = 256


class Generation(NamedTuple):
    """What a model is to write: ``length`` tokens after prompts of ``prompt`` tokens."""

    prompt: int
    length: int

    @classmethod
    def parse(cls, word: str) -> Generation:
        """Return what ``PROMPT:LENGTH`` asks for.

        Raises:
            RecipeError: It is not so written.
        """
        prompt, _, length = str(word).partition(":")
        try:
            generation = cls(int(prompt), int(length))
        except ValueError:
            generation = cls(0, 0)
        if min(generation) < 1:
            raise RecipeError(
                f"--generate: must be PROMPT:LENGTH, two numbers of tokens, got {quote_value(word)}"
            )
        return generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What is asked of a model on a data set.

    Attributes:
        score: Which tokens of a window are scored.
        ctx: How many tokens a window has; None for whole rows.
        windows: How many windows of text there are at most, evenly spread; all if None.
        generate: What the model is to write.
        calls: Whether it is to write where the data calls a tool.
        prompts: How many prompts there are at most of each kind.
    """

    score: Score = "second-half"
    ctx: int | None = _CTX
    windows: int | None = None
    generate: tuple[Generation, ...] = ()
    calls: bool = False
    prompts: int = _PROMPTS

    @classmethod
    def of(
        cls,
        ctx: int | None,
        score: WholeRows | None,
        windows: int | None,
        *,
        generate: Iterable[str] = (),
        calls: bool = False,
        prompts: int | None = None,
    ) -> Questions:
        """Return what the options of a command or a call ask; the defaults where they are None.

        Raises:
            RecipeError: An option is none that can be asked.
        """
        if score not in (None, *get_args(WholeRows)):
            raise RecipeError(f"--score: must be {' or '.join(get_args(WholeRows))}, got {score!r}")
        ctx = _CTX if ctx is None else ctx
        prompts = _PROMPTS if prompts is None else prompts
        require_count("--ctx", ctx, least=_LEAST_CTX)
        require_count("--prompts", prompts)
        if windows is not None:
            require_count("--windows", windows)
        return cls(
            score=score or "second-half",
            ctx=None if score else ctx,
            windows=windows,
            generate=tuple(map(Generation.parse, [generate] if isinstance(generate, str) else generate)),
            calls=calls,
            prompts=prompts,
        )


def require_count(option: str, value: int, *, least: int = 1) -> None:
    """Make sure that the value of an option is a whole number that is large enough.

    Raises:
        RecipeError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise RecipeError(f"{option}: must be a whole number from {least} up, got {quote_value(value)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompt:
    """Tokens that a model is to continue, and what becomes of them a window.

    Attributes:
        window: The window without what the model will write.
        length: How many tokens it may write.
    """

    window: Window
    length: int

    @property
    def index(self) -> int:
        """The number of its window."""
        return self.window.index

    def extend(self, written: Ids) -> Window:
        """Return the window that ends in what a model wrote, all of which is scored."""
        start, end = len(self.window.ids), len(self.window.ids) + len(written)
        return replace(
            self.window,
            ids=np.concatenate([self.window.ids, written]).astype(np.int32),
            scored=np.arange(start, end, dtype=np.int32),
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked of a model, in order.

    Attributes:
        items: Windows to score and prompts to continue, the index of each being its place.
        dropped: What of the data was left out, and how often, by the reason.
    """

    items: tuple[Window | Prompt, ...]
    dropped: Mapping[str, int]

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of everything that is asked."""
        digest = hashlib.sha256()
        for item in self.items:
            window, length = (item.window, item.length) if isinstance(item, Prompt) else (item, 0)
            head = (window.index, window.task, window.source, window.group, window.document, length)
            digest.update(repr((*head, len(window.ids), len(window.scored))).encode())
            digest.update(window.ids.tobytes())
            digest.update(window.scored.tobytes())
        return digest.hexdigest()

    @property
    def longest(self) -> int:
        """The most tokens of a window, with what the model may write in it."""
        lengths = (
            len(item.window.ids) + item.length if isinstance(item, Prompt) else len(item.ids)
            for item in self.items
        )
        return max(lengths, default=0)


@dataclass(frozen=True, slots=True, eq=False)
class _Encoded:
    """A passage's tokens, with those that the tokenizer puts before a text.

    Attributes:
        passage: The passage.
        ids: The ids.
        ends: For each token the offset in the passage at which it ends.
    """

    passage: Passage
    ids: Ids
    ends: Sequence[int]

    def document_at(self, position: int) -> str:
        """Return the document of a token."""
        return self.passage.document_at(self.ends[position - 1] if position else 0)


@dataclass(slots=True)
class _Planner:
    data: DataSet
    tokenizer: Tokenizer
    questions: Questions
    dropped: Counter[str] = field(default_factory=Counter)
    _encoded: list[_Encoded] = field(default_factory=list)
    _marks: TurnMarks | None = None

    def encode(self) -> list[_Encoded]:
        """Return the tokens of each passage."""
        if not self._encoded:
            prefix = list(self.tokenizer.prefix)
            for passage in self.data.passages:
                encoded = self.tokenizer.encode_with_ends(
                    passage.text, parse_special=self.data.parses_special
                )
                ids = np.array([*prefix, *encoded.ids], dtype=np.int32)
                self._encoded.append(_Encoded(passage, ids, [*(0 for _ in prefix), *encoded.ends]))
        return self._encoded

    @property
    def marks(self) -> TurnMarks:
        """What tells the assistant's turns in the data."""
        if self._marks is None:
            self._marks = learn_marks(self.tokenizer, self.data.chat)
        return self._marks

    @property
    def bos(self) -> int | None:
        """The token that the tokenizer puts before a text."""
        return self.tokenizer.prefix[0] if self.tokenizer.prefix else None

    def plan_text(self) -> Iterator[Window]:
        """Yield the windows of the data, whose indexes are not yet their places."""
        for one in self.encode():
            windows = self._cut(one, self.questions.ctx) if self.questions.ctx else self._take_whole(one)
            for window in windows:
                yield replace(window, source=one.passage.source, group=one.passage.group)

    def _cut(self, one: _Encoded, ctx: int) -> Iterator[Window]:
        count = len(one.ids) // ctx
        if self.data.are_rows and not count:
            self.dropped[f"rows shorter than {ctx} tokens"] += 1
        elif tail := len(one.ids) - count * ctx:
            self.dropped["tokens of a tail that fills no window"] += tail
        return cut_windows(one.ids, ctx, self.bos, self._name_documents(one))

    def _name_documents(self, one: _Encoded) -> Callable[[int], str]:
        """Return what names the document of a token: in a row its first, since they were packed together."""
        first = one.passage.documents[0]
        return (lambda _: first) if self.data.are_rows else one.document_at

    def _take_whole(self, one: _Encoded) -> Iterator[Window]:
        scored = np.arange(1, len(one.ids), dtype=np.int32)
        if self.questions.score == "assistant":
            spans = self.marks.find(one.ids.tolist())
            own = [np.arange(max(1, span.start), span.end, dtype=np.int32) for span in spans]
            scored = np.concatenate([scored[:0], *own])
        if not len(scored):
            lacks_turns = self.questions.score == "assistant"
            reason = "rows without a turn of the assistant" if lacks_turns else "rows of a single token"
            self.dropped[reason] += 1
            return
        yield Window(index=0, ids=one.ids, scored=scored, document=one.passage.documents[0])

    def describe_missing(self) -> str:
        """Return what a data set that gives no window lacks."""
        if self.questions.ctx:
            longest = max((len(one.ids) for one in self.encode()), default=0)
            kind = "row" if self.data.are_rows else "text"
            return f"window of {self.questions.ctx:,} tokens: its longest {kind} has {longest:,}"
        return (
            "row with a turn of the assistant" if self.questions.score == "assistant" else "row of two tokens"
        )

    def plan_generation(self, generation: Generation) -> Iterator[Prompt]:
        """Yield the beginnings of rows or of windows of a text, which a model is to continue."""
        task, found = generate_task(*generation), []
        for one in self.encode():
            cut = list(cut_windows(one.ids, generation.prompt, self.bos, self._name_documents(one)))
            if self.data.are_rows and not cut:
                self.dropped[f"rows shorter than a prompt of {generation.prompt} tokens"] += 1
            found += [
                replace(
                    window,
                    scored=window.scored[:0],
                    source=one.passage.source,
                    group=one.passage.group,
                    task=task,
                )
                for window in (cut[:1] if self.data.are_rows else cut)
            ]
        if not found:
            raise RecipeError(
                f"--generate {generation.prompt}:{generation.length}: {self.data.name} has no "
                f"{'row' if self.data.are_rows else 'text'} of {generation.prompt} tokens"
            )
        for window in self._limit(found):
            yield Prompt(window=window, length=generation.length)

    def plan_calls(self) -> Iterator[Prompt]:
        """Yield conversations up to a turn of the assistant that calls a tool."""
        if not self.data.are_rows or self.data.recipe is None:
            raise RecipeError(
                "--calls: only a calibration file or holdout with its manifest has conversations"
            )
        # A filler is the head of a conversation that may be whole in another row.
        found = list({w.ids.tobytes(): w for one in self.encode() for w in self._find_calls(one)}.values())
        if not found:
            raise RecipeError(f"--calls: no conversation of {self.data.name} calls a tool")
        for window in self._limit(found):
            yield Prompt(window=window, length=_CALL_LENGTH)

    def _find_calls(self, one: _Encoded) -> Iterator[Window]:
        prefix = np.array(self.tokenizer.prefix, dtype=np.int32)
        begins = [bisect_right(one.ends, start, lo=len(prefix)) for start in one.passage.starts]
        for span in self.marks.find(one.ids.tolist()):
            number = bisect_right(begins, span.start) - 1
            if number < 0 or not read_calls(decode_written(one.ids[span.start : span.end], self.tokenizer)):
                continue
            # Only its own conversation: others may stand before it in the row.
            yield Window(
                index=0,
                ids=np.concatenate([prefix, one.ids[begins[number] : span.start]]).astype(np.int32),
                scored=prefix[:0],
                source=one.passage.source,
                group=one.passage.group,
                document=one.passage.documents[number],
                task=CALLS,
            )

    def _limit(self, found: Sequence[T]) -> Sequence[T]:
        return spread(found, self.questions.prompts)


def make_plan(
    data: DataSet, tokenizer: Tokenizer, questions: Questions, followed: Measurement | None = None
) -> Plan:
    """Return what is asked of a model.

    Args:
        data: What it is measured on.
        tokenizer: Its tokenizer.
        questions: What is asked.
        followed: The base's measurement, whose continuations are scored.

    Raises:
        RecipeError: The data gives no window, or no prompt of a kind that is asked for.
        OutputError: The measurement to follow is of other windows.
        TokenizerError: The assistant's turns can't be told.
    """
    planner = _Planner(data, tokenizer, questions)
    text = list(planner.plan_text())
    items: list[Window | Prompt] = list(spread(text, questions.windows))
    if left := len(text) - len(items):
        planner.dropped[f"windows, since {len(items):,} were asked for"] += left
    if not items:
        raise RecipeError(f"--data {data.name}: has no {planner.describe_missing()}")
    if followed is not None:
        items += _follow(_number(items), followed)
    else:
        for generation in questions.generate:
            items += planner.plan_generation(generation)
        if questions.calls:
            items += planner.plan_calls()
    return Plan(items=tuple(_number(items)), dropped=dict(planner.dropped))


def _number(items: Iterable[Window | Prompt]) -> Iterator[Window | Prompt]:
    """Yield items whose index is their place."""
    for index, item in enumerate(items):
        if isinstance(item, Prompt):
            yield replace(item, window=replace(item.window, index=index))
        else:
            yield replace(item, index=index)


def _follow(text: Iterable[Window | Prompt], followed: Measurement) -> list[Window | Prompt]:
    """Return the windows that a base has written, and prompts for calls of one's own."""
    own = [window for window in text if isinstance(window, Window)]
    base = [window for window in followed.windows if window.task == TEXT]
    if len(own) != len(base) or not all(map(_is_same, own, base)):
        raise OutputError(
            f"--follow: it measured {len(base):,} windows, and these are {len(own):,} or others: give the "
            "same --data, --ctx, --score and --windows"
        )
    written: list[Window | Prompt] = [
        window for window in followed.windows if window.task not in (TEXT, OWN_CALLS)
    ]
    if not written:
        raise OutputError("--follow: its model wrote nothing; measure it with --generate or --calls first")
    calls = [window for window in written if isinstance(window, Window) and window.task == CALLS]
    for window in calls:
        prompt = window.ids[: len(window.ids) - len(window.scored)]
        task = replace(window, ids=prompt, scored=window.scored[:0], task=OWN_CALLS)
        written.append(Prompt(window=task, length=_CALL_LENGTH))
    return written


def _is_same(one: Window, other: Window) -> bool:
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.scored, other.scored)
