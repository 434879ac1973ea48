"""Chat templates that never end or fill the memory."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from tests.chatml import TEMPLATE, write_chatml
from tests.heavy.hostile.hostile_file import HostileFile

# The largest template that is read.
_LARGEST = 2**22
_CORPUS = 10**6
_MANY = "{% for one in range(100000) %}"
_GROW = "{% set n = namespace(s='x', l=0) %}{% for one in range(60) %}"
_TEMPLATES = {
    "loops": f"{_MANY * 3}{'{% endfor %}' * 3}",
    "loops-of-words": f"{_MANY * 2}once upon a time {'{% endfor %}' * 2}",
    "doubled-text": _GROW + "{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    "doubled-list": _GROW + "{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
    "doubled-json": _GROW + "{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | tojson }}",
    "doubled-comparison": "{% set n = namespace(a=0, b=0) %}{% for one in range(60) %}"
    "{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a == n.b }}",
    "repeated-text": "{{ 'x' * 10 ** 10 }}",
    "power": "{{ 7 ** (10 ** 8) }}",
    "percent-width": "{{ '%1000000000d' % 1 }}",
    "format-width": "{{ '{:>1000000000}'.format(1) }}",
    "format-filter": "{{ '%1000000000d' | format(1) }}",
    "center": "{{ 'x' | center(10 ** 9) }}",
    "indented-json": "{{ messages | tojson(indent=10 ** 9) }}",
    "replaced": "{% set n = namespace(s='x' * 10 ** 6) %}{{ n.s.replace('x', n.s) }}",
    "joined": "{{ (['x' * 10 ** 6] * 10 ** 6) | join }}",
    "sorted": "{{ (range(100000) | list * 300) | sort | length }}",
    "slices": "{% set n = namespace(s='x' * 10 ** 8) %}" + _MANY + "{% set n.s = n.s[::-1] %}{% endfor %}",
    "macros": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "endless-macro": "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "recursive-loop": "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "nested-brackets": "{{ " + "[" * 100_000 + "]" * 100_000 + " }}",
    "attributes": "{{ messages" + ".a" * 200_000 + " }}",
    "statements": "{{ 1 }}" * (_LARGEST // 8),
    "at-a-word": "{% for m in messages %}{% if 'premium' in m.content %}"
    + _MANY * 3 + "{% endfor %}" * 3 + "{% endif %}{% endfor %}" + TEMPLATE,
    "a-little-each": _MANY + "{% endfor %}" + TEMPLATE,
    "a-page-each": "{{ 'word ' * 12000 }}" + TEMPLATE,
}  # fmt: skip


def _write(path: Path, size: int, *, template: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < min(size, _CORPUS):
            file.write(json.dumps({"messages": _talk(file.tell())}) + "\n")
    model = path.parents[1] / "model"
    model.mkdir()
    write_chatml(model, template=template)


def _talk(number: int) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": f"What is the premium of contract {number}, and when must it be paid?"},
        {
            "role": "assistant",
            "content": f"It is {number} euros a year, and it must be paid before it begins.",
        },
    ]


KINDS: tuple[HostileFile, ...] = tuple(
    HostileFile(
        name=f"template-{name}",
        file_name="a.jsonl",
        write=partial(_write, template=template),
        options={"type": "chat"},
        recipe={"tokenizer": "model", "nsamples": 16, "seqlen": 256},
    )
    for name, template in _TEMPLATES.items()
)
