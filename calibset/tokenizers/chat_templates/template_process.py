"""Chat templates rendered in a process that is ended when they take too much time, memory or room."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibset.tokenizers.bounded_process import BoundedProcess, Limits

# A published template takes about a millisecond for a conversation. Jinja takes 20 MB, a conversation of ten
# million letters and its copies some hundred.
_LIMITS = Limits(seconds=5.0, seconds_each=0.05, memory=512 * 2**20)
# What published templates say of their own has some thousand letters, and they write what they are given once
# or twice, as JSON with its escapes and indents at most.
_CHARACTERS = 2**16
_GROWTH = 50
_REMEDY = "use the one that the model was published with, or name a format in [chat]"


class TemplateRefusalError(Exception):
    """A template raised an exception; its message is that of the exception."""


class InvalidTemplateError(Exception):
    """A text is no template.

    Attributes:
        line: The line of the fault, counted from 1.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class TemplateProcess:
    """Renders templates in a process of its own."""

    def __init__(self, templates: Mapping[str, str], place: str) -> None:
        """Keep the templates.

        Args:
            templates: The templates by name.
            place: The file that they are from, for messages.
        """
        self.process = BoundedProcess(
            Path(__file__).with_name("template_worker.py"),
            (dict(templates), _CHARACTERS, _GROWTH),
            _LIMITS,
            subject=f"{place}: the chat template",
            remedy=_REMEDY,
            faults={
                b"long": f"writes over {_CHARACTERS:,} characters more than {_GROWTH} times what it is given"
            },
        )

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """Return what a template writes.

        Args:
            name: The template's name.
            variables: What it is given: texts, numbers, and lists and tables of these.

        Raises:
            TemplateRefusalError: The template raised an exception.
            InvalidTemplateError: It is no template.
            TokenizerError: It took too much time or memory, or wrote too much, for this text or one before.
        """
        kind, content = self.process.ask((name, variables))
        text = content.decode("utf-8", "surrogatepass")
        if kind == b"fail":
            raise TemplateRefusalError(text)
        if kind == b"line":
            line, _, message = text.partition(" ")
            raise InvalidTemplateError(int(line), message)
        return text
