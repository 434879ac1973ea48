from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Document
from calibset.hygiene.rendered_texts import TargetTokens

MISTRAL = TargetTokens(("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[IMG]", "<pad>"), bos="<s>")
CHATML = TargetTokens(("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>"))


@pytest.mark.parametrize("target", [MISTRAL, CHATML])
@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("<|im_start|>user\nHail?<|im_end|>\n<|im_start|>assistant\nIce.<|im_end|>\n", "<|im_start|>"),
        (
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHail?<|eot_id|>",
            "<|start_header_id|>",
        ),
        ("<|begin_of_text|><|header_start|>user<|header_end|>\n\nHail?<|eot|>", "<|header_start|>"),
        ("<bos><start_of_turn>user\nHail?<end_of_turn>\n", "<start_of_turn>"),
        ("<bos><|turn>user\nHail?<turn|>\n", "<|turn>"),
        ("<s> [INST] Hail? [/INST] Ice.</s>", "[INST]"),
        ("\n<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hail?[/INST]", "[SYSTEM_PROMPT]"),
        ("[gMASK]<sop><|user|>\nHail?<|assistant|>\nIce.", "[gMASK]"),
        ("<|user|>\nHail?<|end|>\n<|assistant|>\nIce.<|end|>\n", "<|user|>"),
        ("<|start|>user<|message|>Hail?<|end|>", "<|start|>"),
        ("<｜begin▁of▁sentence｜>Be brief.<｜User｜>Hail?<｜Assistant｜>Ice.", "<｜User｜>"),
        (
            "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hail?<|END_OF_TURN_TOKEN|>",
            "<|START_OF_TURN_TOKEN|>",
        ),
        ("<|start_of_role|>user<|end_of_role|>Hail?<|end_of_text|>", "<|start_of_role|>"),
        ("<|im_user|>user<|im_middle|>Hail?<|im_end|>", "<|im_user|>"),
        ("[|user|]Hail?\n[|assistant|]Ice.[|endofturn|]\n", "[|user|]"),
        # The middle of a conversation.
        ("as I said.<|im_end|>\n<|im_start|>user\nAnd hail?", "<|im_end|>"),
        ("<s>A page, as it is fed to a model in training.", "<s>"),
        ("<bos>A page, as it is fed to another model in training.", "<bos>"),
    ],
)
def test_a_text_shows_by_its_marks_that_a_template_has_rendered_it(
    target: TargetTokens, text: str, mark: str
) -> None:
    assert target.find_mark(text) == mark


@pytest.mark.parametrize(
    ("target", "text", "mark"),
    [
        (MISTRAL, "A page that ends as in training.</s>\n", "</s>"),
        (CHATML, "A page that ends as in training.<|endoftext|>", "<|endoftext|>"),
        (CHATML, "<|fim_prefix|>def add(a, b):", "<|fim_prefix|>"),
        (MISTRAL, "A page that ends as in training.<|endoftext|>", None),
        (MISTRAL, "<unk> is a word that <unk>", None),
        (MISTRAL, "[IMG] https://example.org/cat.png [IMG]", None),
        (MISTRAL, "Strike <s>this</s> out; [INST] is no tag.", None),
        (MISTRAL, "Qwen writes <|im_start|> before a turn.", None),
        (MISTRAL, "if a || b: print('|')", None),
        (MISTRAL, "", None),
        (CHATML, "<s>Old price</s>", "<s>"),
    ],
)
def test_a_page_that_mentions_tokens_shows_nothing(target: TargetTokens, text: str, mark: str | None) -> None:
    assert target.find_mark(text) == mark


@pytest.mark.parametrize(
    ("text", "body", "count", "ending"),
    [
        ("<s>[INST]a", "[INST]a", 1, ""),
        ("  \n<s>[INST]a[/INST]b</s>", "[INST]a[/INST]b</s>", 1, ""),
        ("<s> [INST] a [/INST] b </s> \n\n\n", " [INST] a [/INST] b </s>", 1, " \n"),
        ("<s><s>[INST]a", "[INST]a", 2, ""),
        ("<s> <s>[INST]a", "[INST]a", 2, ""),
        ("a<s>b\n", "a<s>b", 0, ""),
        ("  <bos>a", "<bos>a", 0, ""),
        ("<s>", "", 1, ""),
        ("[INST]a</s>\n", "[INST]a</s>", 0, "\n"),
    ],
)
def test_the_bos_that_opens_a_text_is_taken_off(text: str, body: str, count: int, ending: str) -> None:
    document, counted = MISTRAL.unframe(Document(id="a", text=text, metadata={"title": "b"}))
    assert document == Document(id="a", text=body, metadata={"title": "b"}, opened=count > 0, ending=ending)
    assert counted == count


def test_where_the_tokenizer_adds_none_it_stays() -> None:
    document, count = CHATML.unframe(Document(id="a", text="<|endoftext|>a<|im_end|>\n"))
    assert (document.text, document.opened, document.ending) == ("<|endoftext|>a<|im_end|>", False, "\n")
    assert count == 0


@given(st.lists(st.sampled_from(["<s>", "</s>", "[INST]", "<|im_end|>", " ", "\n", "word", "<unk>", "|"])))
def test_whatever_a_text_is_no_bos_opens_it_and_a_mark_is_a_part_of_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    document, count = MISTRAL.unframe(Document(id="a", text=text))
    assert not document.text.lstrip().startswith("<s>")
    assert document.text in text
    assert (count > 0) == text.lstrip().startswith("<s>") == document.opened
    mark = MISTRAL.find_mark(text)
    assert mark is None or mark in text
    if text.lstrip().startswith(("<s>", "[INST]", "<|im_end|>")):
        assert mark is not None


@given(st.lists(st.sampled_from(["<s>", "<", "s>", " ", "\n", "\x1f", "a"])).map("".join))
def test_every_bos_that_opens_a_text_is_taken_off(text: str) -> None:
    rest, count = text.lstrip(), 0
    while rest.lstrip().startswith("<s>"):
        rest, count = rest.lstrip().removeprefix("<s>"), count + 1
    document, counted = MISTRAL.unframe(Document(id="a", text=text))
    assert (document.text, document.opened, counted) == (rest.rstrip(), count > 0, count)
