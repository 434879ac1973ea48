"""What is said of rows of messages; `tests/heavy/quantizers` compares it with what the quantizers read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibset.quantizers import LoadReport, Verdict
from calibset.tokenizers import load_tokenizer
from tests.chatml import write_chatml
from tests.quantizers.rows import EXACT, SEQLEN, simulate_rows

TEMPLATE = "{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message.content }}{% endfor %}"
MESSAGES = [{"role": "user", "content": "What time is it?"}, {"role": "assistant", "content": "Late."}]
RENDERED = "<s>[user]What time is it?[assistant]Late."
UNJUDGED = "its messages are read, as the chat template of the quantizer's tokenizer renders them"
NO_TEMPLATE = "its messages need a chat template, and the tokenizer's folder has none"


def simulate(name: str, rows: list[Any], folder: Path, template: str = TEMPLATE) -> LoadReport:
    write_chatml(folder, template=template, bos=True)
    if not template:
        (folder / "chat_template.jinja").unlink()
    return simulate_rows(name, rows, load_tokenizer(str(folder)), folder, nsamples=len(rows))


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("gptqmodel", {"messages": MESSAGES}),
        ("gptqmodel", {"messages": MESSAGES, "text": EXACT}),
        ("modelopt", {"messages": MESSAGES, "text": EXACT, "prompt": EXACT}),
        ("modelopt", {"conversations": MESSAGES, "tools": None}),
    ],
)
def test_messages_are_rendered_by_the_template(name: str, row: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    report = simulate(name, [row], tmp_path)
    # The BOS that the template writes is a token of the text; the tokenizer adds another.
    tokens = len(RENDERED.removeprefix("<s>")) + 1
    assert (report.verdict, [row.tokens for row in report.rows]) == (Verdict.USABLE, [tokens])
    assert report.rows[0].cut == (0 if name == "gptqmodel" else tokens + 1 - SEQLEN)


@pytest.mark.parametrize("name", ["gptqmodel", "modelopt"])
@pytest.mark.parametrize(
    ("messages", "others"),
    [
        (MESSAGES, {"tools": [{"type": "function"}]}),
        ([{"role": "user", "content": [{"type": "text", "text": "What?"}]}], {}),
        ([{"role": "assistant", "content": "", "tool_calls": []}], {}),
        ([{"from": "human", "value": "What?"}], {}),
        ("What?", {}),
    ],
)
def test_what_may_be_rendered_in_several_ways_is_not_judged(
    name: str, messages: Any, others: dict[str, Any], tmp_path: Path
) -> None:
    report = simulate(name, [{"messages": messages, **others}] * 2, tmp_path)
    assert (report.verdict, report.kept, report.lost) == (Verdict.NOT_JUDGED, 0, ())
    assert [row.unjudged for row in report.unjudged] == [UNJUDGED, UNJUDGED]


def test_todays_date_is_not_judged_and_too_few_rows_are_too_few(tmp_path: Path) -> None:
    report = simulate("modelopt", [{"messages": MESSAGES}], tmp_path, "{{ strftime_now('%d') }}")
    assert report.verdict is Verdict.NOT_JUDGED
    tokenizer = load_tokenizer(str(tmp_path))
    report = simulate_rows("modelopt", [{"messages": MESSAGES}], tokenizer, tmp_path, nsamples=2)
    assert (report.verdict, report.passed) == (Verdict.UNUSABLE, False)


@pytest.mark.parametrize("name", ["gptqmodel", "modelopt"])
def test_messages_that_can_not_be_rendered_stop_it(name: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    template = "{{ raise_exception('no such role') }}"
    report = simulate(name, [{"messages": MESSAGES}], tmp_path, template)
    assert report.fatal == (
        "row 1: its messages can't be rendered: refused by the chat template: no such role",
    )
    assert simulate(name, [{"messages": MESSAGES}], tmp_path, "").fatal == (f"row 1: {NO_TEMPLATE}",)


def test_without_a_template_gptqmodel_reads_the_text(tmp_path: Path) -> None:
    report = simulate("gptqmodel", [{"messages": MESSAGES, "text": EXACT}], tmp_path, "")
    assert (report.fatal, report.rows[0].tokens) == ((), 15)
    assert simulate("modelopt", [{"messages": MESSAGES, "text": EXACT}], tmp_path, "").fatal == (
        f"row 1: {NO_TEMPLATE}",
    )
