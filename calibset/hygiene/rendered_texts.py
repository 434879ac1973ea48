"""Texts that a chat template has rendered already: recognised, and freed of the BOS that opens them.

A dataset may hold conversations as texts, as ``apply_chat_template(tokenize=False)`` writes them. Such a
text shows it where a web page does not: at its beginning or end, or by several marks of turns. A page that
mentions ``</s>`` or ``<unk>`` somewhere shows nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from calibset.core.documents import Document

# The marks of turns in the chat templates of the common families: ChatML, Llama 3 and 4, Gemma, Mistral,
# Phi, GLM, DeepSeek, Command, Granite, gpt-oss, Kimi, EXAONE.
_TURN_MARK = re.compile(
    r"<[|｜](?:im_(?:start|end|sep|middle|system|user|assistant)|(?:start|end)_header_id|eot_id|eot"
    r"|header_(?:start|end)|(?:start|end)_of_role|(?:START|END)_OF_TURN_TOKEN"
    r"|[sS]ystem|[uU]ser|[aA]ssistant|observation|start|end|message)[|｜]>"
    r"|<(?:start|end)_of_turn>|<\|turn>|<turn\|>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]|\[\|(?:system|user|assistant|endofturn)\|\]|\[gMASK\]"
)
# One of these is in each of them, and is found faster.
_HINTS = ("|", "｜", "_of_turn>", "INST]", "SYSTEM_PROMPT]", "_TOOLS]", "[gMASK]")
_BOS = (
    "<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>", "<BOS_TOKEN>",
    "<｜begin▁of▁sentence｜>",
)  # fmt: skip
# Control tokens that stand for a word, a blank or a picture, and say nothing of turns.
_PLACEHOLDER = re.compile(r"unk|pad|mask|img|image|audio|video", re.IGNORECASE)
# Templates write a line end behind a turn, or two.
_LONGEST_ENDING = 2


@dataclass(frozen=True, slots=True)
class TargetTokens:
    """The control tokens of the target's tokenizer, as texts would spell them.

    Attributes:
        spellings: All of them.
        bos: Those that the tokenizer puts before a text; empty if there are none.
    """

    spellings: tuple[str, ...]
    bos: str = ""

    def find_mark(self, text: str) -> str | None:
        """Return what shows that a text was rendered by a chat template, or None if nothing does.

        That is a mark of a turn, of any family's template, at the text's beginning or anywhere if there
        are several; or else a control token of the target at its beginning or end, or a BOS.

        Examples:
            >>> target = TargetTokens(("<s>", "</s>", "[INST]", "[/INST]", "<unk>"), bos="<s>")
            >>> target.find_mark("<s>[INST]Hail?[/INST]Ice.</s>"), target.find_mark("Ice.</s>")
            ('[INST]', '</s>')
            >>> target.find_mark("HTML has <s> and </s>, and [INST] is no tag of it.") is None
            True
        """
        opening = text.lstrip()
        bos = next(
            (spelling for spelling in (self.bos, *_BOS) if spelling and opening.startswith(spelling)), ""
        )
        opening = opening.removeprefix(bos).lstrip()
        if any(hint in text for hint in _HINTS):
            if first := _TURN_MARK.match(opening):
                return first.group()
            marks = list(islice(_TURN_MARK.finditer(text), 2))
            if len(marks) > 1:
                return marks[0].group()
        return self._find_own(opening, text.rstrip()) or bos or None

    def _find_own(self, opening: str, text: str) -> str | None:
        """Return the control token of the target at a text's beginning or end, if it is no placeholder."""
        if not opening.startswith(self.spellings) and not text.endswith(self.spellings):
            return None
        at_ends = (s for s in self.spellings if opening.startswith(s) or text.endswith(s))
        return max((s for s in at_ends if not _PLACEHOLDER.search(s)), key=len, default=None)

    def unframe(self, document: Document) -> UnframedDocument:
        """Return a document without the BOS that opens it, which the quantizer's tokenizer adds to a row.

        Blanks before it go too. The white space behind a control token at the end is kept apart, since the
        template wrote it.
        """
        text, count = document.text, 0
        if self.bos and (opening := re.match(rf"(?:\s*+{re.escape(self.bos)})++", text)):
            text, count = text[opening.end() :], opening.group().count(self.bos)
        else:
            text = text.lstrip()
        body = text.rstrip()
        ending = text[len(body) :][:_LONGEST_ENDING] if body.endswith(self.spellings) else ""
        return UnframedDocument(replace(document, text=body, opened=count > 0, ending=ending), count)


class UnframedDocument(NamedTuple):
    """A document without the BOS that opened it, and how often it stood there."""

    document: Document
    bos_count: int
