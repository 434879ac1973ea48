"""What renders chat templates in the process of a `TemplateProcess`: the environment of transformers.

Nothing of calibset is imported, so that the process starts fast.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Template, TemplateSyntaxError, ext, nodes
from jinja2.exceptions import TemplateError
from jinja2.parser import Parser
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Templates that write today's date would give other bytes tomorrow. This is the date that Llama 3's
# own template falls back to, a Friday.
_DATE = {
    "%d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24", "%a": "Fri", "%A": "Friday",
    "%H": "00", "%M": "00", "%S": "00",
}  # fmt: skip


class Generation(ext.Extension):
    """The block ``{% generation %}``, around what the model is trained to write."""

    tags = {"generation"}  # noqa: RUF012  (as Jinja declares it)

    def parse(self, parser: Parser) -> nodes.Node:
        """Return a call that writes the block's body as it is."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

    def _write(self, caller: Macro) -> str:
        return str(caller())


def make_environment() -> ImmutableSandboxedEnvironment:
    """Return the environment of transformers' `apply_chat_template`, on a date that stays the same."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols]
    )
    environment.filters["tojson"] = _write_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _write_date
    return environment


def _write_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _write_date(form: str) -> str:
    for code, value in _DATE.items():
        form = form.replace(code, value)
    return form


def open_answerer(
    setup: tuple[Mapping[str, str], int, int],
) -> Callable[[int, tuple[str, Mapping[str, Any]]], tuple[bytes, bytes]]:
    """Return what renders templates.

    Args:
        setup: The templates by name; how many characters a text may have, and how many for each byte of the
            request.
    """
    templates, characters, growth = setup
    environment = make_environment()
    compiled: dict[str, Template] = {}

    def answer(size: int, request: tuple[str, Mapping[str, Any]]) -> tuple[bytes, bytes]:
        name, variables = request
        try:
            if name not in compiled:
                compiled[name] = environment.from_string(templates[name])
            text = compiled[name].render(**variables)
        except TemplateSyntaxError as error:
            return b"line", f"{error.lineno} {error.message}".encode("utf-8", "surrogatepass")
        if len(text) > characters + growth * size:
            return b"long", b""
        return b"text", text.encode("utf-8", "surrogatepass")

    return answer
