from __future__ import annotations

import gc
import os
import signal
from dataclasses import replace

import pytest

from calibset.core.errors import TokenizerError
from calibset.tokenizers.chat_templates import template_process
from calibset.tokenizers.chat_templates.template_process import (
    InvalidTemplateError,
    TemplateProcess,
    TemplateRefusalError,
)

LIMITS = template_process._LIMITS
REMEDY = "use the one that the model was published with, or name a format in [chat]"
MANY = "{% for one in range(100000) %}"


def rendered(template: str, **variables: object) -> str:
    return TemplateProcess({"default": template}, "t.jinja").render("default", variables)


def test_a_template_is_rendered() -> None:
    process = TemplateProcess({"default": "{{ said }}", "other": "{{ said | tojson }}"}, "t.jinja")
    assert process.render("default", {"said": "žlté\ud800"}) == "žlté\ud800"
    assert process.render("other", {"said": ["ž", None, 1.5, {"a": True}]}) == '["ž", null, 1.5, {"a": true}]'


def test_texts_may_be_long() -> None:
    assert len(rendered("{{ said }}", said="é" * 10**6)) == 10**6


def test_a_refusal_leaves_the_process_as_it_is() -> None:
    process = TemplateProcess(
        {"default": "{{ raise_exception('no ' ~ what) if what else 'yes' }}"}, "t.jinja"
    )
    for _ in range(2):
        with pytest.raises(TemplateRefusalError, match=r"^no tools$"):
            process.render("default", {"what": "tools"})
        assert process.render("default", {"what": ""}) == "yes"


def test_an_invalid_template_is_told_with_its_line() -> None:
    with pytest.raises(InvalidTemplateError, match=r"^Encountered unknown tag 'x'\.$") as caught:
        rendered("a\n{% x %}")
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' * 10 ** 10 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ 'x' | center(10 ** 9) }}",
        "{{ [1] | tojson(indent=10 ** 9) }}",
        "{% set n = namespace(s='x') %}{% for _ in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    ],
)
def test_a_template_that_fills_the_memory_is_an_error(template: str) -> None:
    with pytest.raises(TokenizerError) as caught:
        rendered(template)
    assert str(caught.value) == f"t.jinja: the chat template takes over 512 MiB of memory; {REMEDY}"


@pytest.mark.parametrize(
    "template",
    [
        f"{MANY * 3}{'{% endfor %}' * 3}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% set n = namespace(s=0) %}{% for _ in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
        "{{ 7 ** (10 ** 8) }}",
    ],
    ids=["loops", "macros", "lists of themselves", "a power"],
)
def test_a_template_that_never_ends_is_an_error(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_process, "_LIMITS", replace(LIMITS, seconds=0.2))
    with pytest.raises(TokenizerError) as caught:
        rendered(template)
    assert str(caught.value) == (
        "t.jinja: the chat template takes over 0.2 s more than 0.05 s for each; " + REMEDY
    )


def test_a_template_that_takes_a_part_of_its_time_for_each_text_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(template_process, "_LIMITS", replace(LIMITS, seconds=0.2))
    process = TemplateProcess({"default": f"{MANY}{{{{ '' }}}}{{% endfor %}}" * 20}, "t.jinja")
    texts = (process.render("default", {}) for _ in range(100))
    with pytest.raises(TokenizerError, match=r"takes over 0\.2 s more"):
        list(texts)


def test_a_template_that_writes_too_much_is_an_error() -> None:
    assert len(rendered("{{ 'x' * 60000 }}")) == 60_000
    assert len(rendered("{{ said * 40 }}", said="x" * 10_000)) == 400_000
    for template in ("{{ 'x' * 100000 }}", "{{ said * 100 }}"):
        with pytest.raises(TokenizerError) as caught:
            rendered(template, said="x" * 10_000 if "said" in template else "")
        assert str(caught.value) == (
            "t.jinja: the chat template writes over 65,536 characters more than 50 times what it is given; "
            + REMEDY
        )


def test_after_such_a_fault_each_text_has_it() -> None:
    process = TemplateProcess({"default": "{{ 'x' * size }}"}, "t.jinja")
    with pytest.raises(TokenizerError) as first:
        process.render("default", {"size": 10**10})
    with pytest.raises(TokenizerError) as second:
        process.render("default", {"size": 1})
    assert str(first.value) == str(second.value)


def child_of(process: TemplateProcess) -> int:
    worker = process.process._worker
    assert worker is not None
    return worker.process.pid


def test_a_process_that_ends_by_itself_is_an_error() -> None:
    process = TemplateProcess({"default": "yes"}, "t.jinja")
    process.render("default", {})
    os.kill(child_of(process), signal.SIGTERM)
    with pytest.raises(TokenizerError) as caught:
        process.render("default", {})
    assert str(caught.value) == (f"t.jinja: the chat template makes the process end that does it; {REMEDY}")


def test_a_process_ends_with_its_object() -> None:
    process = TemplateProcess({"default": "yes"}, "t.jinja")
    process.render("default", {})
    pid = child_of(process)
    del process
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_process_ends_when_its_parent_is_gone() -> None:
    process = TemplateProcess({"default": "yes"}, "t.jinja")
    process.render("default", {})
    worker = process.process._worker
    assert worker is not None
    worker.requests.close()
    assert worker.process.wait(60) == 0


def test_an_interruption_of_the_parent_is_none_of_the_child() -> None:
    process = TemplateProcess({"default": "yes"}, "t.jinja")
    process.render("default", {})
    os.kill(child_of(process), signal.SIGINT)
    assert process.render("default", {}) == "yes"
