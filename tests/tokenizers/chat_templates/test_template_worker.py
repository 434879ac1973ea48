"""What renders templates is compared with the environment of the transformers beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calibset.tokenizers.chat_templates.template_worker import make_environment

MESSAGES = [
    {"role": "user", "content": '  <b>Ahoj</b> & "dobrý" deň\'s\n'},
    {
        "role": "assistant",
        "content": "x",
        "tool_calls": [{"function": {"name": "f", "arguments": {"ž": [1, None]}}}],
    },
]
WRITTEN = [
    "{% for m in messages %}\n  {% if loop.first %}\n  {{ m.content }}\n  {% endif %}\n{% endfor %}\n",
    "{{ messages | tojson }}{{ messages | tojson(indent=2) }}{{ messages | tojson(separators=(',', ':')) }}",
    "{{ messages | tojson(ensure_ascii=true, sort_keys=true) }}",
    "{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% break %}{% endfor %}",
    "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% endfor %}",
    "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
    "{{ dict(a=1) | items | list }}{{ messages[1].tool_calls[0].function.arguments.items() | list }}",
    "{{ absent }}{{ absent is defined }}{{ tools is none }}{{ strftime_now is defined }}",
    "{{ messages[0].content.strip().split('>')[1] }}{{ messages[0].content | trim | upper }}",
    "{{ '%d-%s' | format(3, 'a') }}{{ '{}'.format(1) }}{{ messages | map(attribute='role') | join(',') }}",
]
REFUSED = [
    "{{ raise_exception('no tools') }}",
    "{{ ''.__class__.__mro__ }}",
    "{% set n = messages.append(1) %}",
    "{{ range(10 ** 6) }}",
    "{{ absent.role }}",
]


def theirs(template: str) -> str:
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    (text,), _ = utils.render_jinja_template([MESSAGES], chat_template=template)
    return str(text)


def ours(template: str) -> str:
    given: dict[str, Any] = {"tools": None, "documents": None, "add_generation_prompt": False}
    return make_environment().from_string(template).render(messages=MESSAGES, **given)


@pytest.mark.parametrize("template", WRITTEN)
def test_templates_are_written_as_transformers_writes_them(template: str) -> None:
    assert ours(template) == theirs(template)


@pytest.mark.parametrize("template", REFUSED)
def test_templates_are_refused_as_transformers_refuses_them(template: str) -> None:
    said = []
    for write in (ours, theirs):
        with pytest.raises(Exception) as caught:  # noqa: PT011  (whatever Jinja raises)
            write(template)
        said.append((type(caught.value).__name__, str(caught.value)))
    assert said[0] == said[1]


def test_the_environment_holds_what_that_of_transformers_holds() -> None:
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    theirs, ours = utils._compile_jinja_template("").environment, make_environment()
    for names in ("filters", "tests", "globals"):
        assert getattr(ours, names).keys() == getattr(theirs, names).keys()
    for setting in ("trim_blocks", "lstrip_blocks", "autoescape", "keep_trailing_newline", "undefined"):
        assert getattr(ours, setting) == getattr(theirs, setting)


def test_the_date_stays_the_same() -> None:
    assert ours("{{ strftime_now('%d %b %Y %A %H:%M') }}") == "26 Jul 2024 Friday 00:00"


def test_json_is_written_as_a_model_was_trained_to_read_it() -> None:
    assert ours("{{ messages | tojson }}") == json.dumps(MESSAGES, ensure_ascii=False)
