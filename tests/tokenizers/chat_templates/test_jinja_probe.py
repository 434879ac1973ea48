from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from calibset.core.documents import Conversation, Message
from calibset.core.errors import TokenizerError
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.chat_templates.jinja import JinjaTemplate, jinja_template
from calibset.tokenizers.chat_templates.loading import load_template
from calibset.tokenizers.chat_templates.messages import MessageStyle
from calibset.tokenizers.huggingface import from_file
from tests.chatml import TEMPLATE, write_chatml

pytest.importorskip("transformers")

PLAIN = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
TURNS = "{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"
SPEAKERS = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"


def loaded(
    folder: Path,
    template: str = TEMPLATE,
    *,
    eos: str = "<|im_end|>",
    tokens: Mapping[str, bool] = MappingProxyType({}),
) -> Tokenizer:
    """Return ChatML's tokenizer with a template, and with these tokens added (or taken away)."""
    import tokenizers
    from tokenizers import AddedToken

    path = write_chatml(folder, template=template, eos=eos) / "tokenizer.json"
    table = json.loads(path.read_text())
    table["added_tokens"] = [token for token in table["added_tokens"] if tokens.get(token["content"], True)]
    engine = tokenizers.Tokenizer.from_str(json.dumps(table))
    added = [spelling for spelling, there in tokens.items() if there]
    engine.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in added])
    engine.save(str(path))
    return from_file(path, "own")


def template_of(folder: Path, template: str = TEMPLATE, **options: object) -> JinjaTemplate:
    return jinja_template(loaded(folder, template, **options))  # type: ignore[arg-type]


LACKS_BOTH = {"<|im_start|>": False, "<|im_end|>": False}


def test_a_template_that_fits_its_tokenizer_has_no_note(tmp_path: Path) -> None:
    template = template_of(tmp_path)
    assert (template.style, template.declares_tools, template.notes) == (MessageStyle(), True, ())


@pytest.mark.parametrize(
    ("template", "tokens", "unknown"),
    [
        (PLAIN, LACKS_BOTH, "<|im_start|>, <|im_end|>"),
        (PLAIN.replace("im_start", "im_begin"), {}, "<|im_begin|>"),
        (PLAIN.replace("<|im_start|>", "<\uff5cUser\uff5c>"), {}, "<\uff5cUser\uff5c>"),
        (PLAIN.replace("<|im_end|>", "[|endofturn|]"), {}, "[|endofturn|]"),
        (
            PLAIN.replace("<|im_start|>{{ m.role }}", "<|{{ m.role }}|>"),
            LACKS_BOTH,
            "<|user|>, <|im_end|>, <|assistant|>",
        ),
        (SPEAKERS.replace("{{ eos_token }}", ""), {}, "<|user|>, <|assistant|>"),
    ],
)
def test_markers_that_the_tokenizer_reads_as_letters_are_an_error(
    tmp_path: Path, template: str, tokens: dict[str, bool], unknown: str
) -> None:
    tokenizer = loaded(tmp_path, template, eos="</s>", tokens=tokens)
    with pytest.raises(TokenizerError) as caught:
        load_template(tokenizer)
    assert str(caught.value) == (
        f"own: has no token for {unknown}, which its chat template writes, so the model would read plain "
        'text; put the tokenizer.json and chat template of one model side by side, or set format = "jinja" '
        "in [chat] if it was trained to read plain text"
    )
    assert load_template(tokenizer, "jinja").notes[0] == (
        f"the chat template writes {unknown}, for which the tokenizer has no token: they are "
        "read as plain text"
    )


def test_names_of_speakers_between_bars_may_be_letters(tmp_path: Path) -> None:
    (note,) = template_of(tmp_path, SPEAKERS, eos="</s>").notes
    assert note == (
        "the chat template writes <|user|>, <|assistant|>, for which the tokenizer has no token: they are "
        "read as plain text"
    )


def test_turns_that_end_in_letters_are_noted(tmp_path: Path) -> None:
    both = {"<start_of_turn>": True, "<end_of_turn>": True}
    assert template_of(tmp_path, TURNS, eos="</s>", tokens=both).notes == ()
    assert template_of(tmp_path, TURNS, eos="</s>").notes == (
        "the chat template writes <start_of_turn>, <end_of_turn>, for which the tokenizer has no token: they "
        "are read as plain text",
        "assistant turns don't end in a control token: the tokenizer knows none in what the chat template "
        "writes after them ('<end_of_turn>\\n<start_of_turn>user\\n')",
    )
    (note,) = template_of(tmp_path, TURNS, eos="</s>", tokens={"<end_of_turn>": True}).notes
    assert note.startswith("the chat template writes <start_of_turn>, for which")


def test_tags_that_are_letters_on_purpose_are_not_noted(tmp_path: Path) -> None:
    tagged = TEMPLATE.replace("Tools:", "<tools>").replace("<tool_response>", "<response>")
    lacking = dict.fromkeys(("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"), False)
    assert template_of(tmp_path, tagged, tokens=lacking).notes == ()


def test_markers_around_calls_alone_are_noted(tmp_path: Path) -> None:
    marker = "<\uff5ctool\u2581calls\u2581begin\uff5c>"
    (note,) = template_of(tmp_path, TEMPLATE.replace("<tool_call>", marker)).notes
    assert note == (
        f"the chat template writes {marker}, for which the tokenizer has no token: they are "
        "read as plain text"
    )


def test_an_eos_that_is_no_token_is_noted_and_not_written(tmp_path: Path) -> None:
    template = template_of(tmp_path, eos="<|endoftext|>")
    assert template.notes == (
        "the tokenizer has no token for its EOS, <|endoftext|>, so conversations don't end with it",
    )
    talk = (Message(role="user", content="Hi"), Message(role="assistant", content="Hello."))
    assert template.render(Conversation(id="row", messages=talk)).text.endswith("Hello.<|im_end|>\n")


def test_a_template_may_need_a_system_turn(tmp_path: Path) -> None:
    needing = '{% if messages[0].role != "system" %}{{ raise_exception("no system") }}{% endif %}' + PLAIN
    assert template_of(tmp_path, needing).notes == ()


def test_a_template_that_refuses_every_dialogue_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError) as caught:
        template_of(tmp_path, "{{ speak(messages) }}")
    assert str(caught.value) == (
        f"{tmp_path / 'chat_template.jinja'}: refuses a plain dialogue: 'speak' is undefined"
    )


@pytest.mark.parametrize("content", ["m.content[0].text", "m.content[0]['text']"])
def test_a_template_may_want_content_in_parts(tmp_path: Path, content: str) -> None:
    template = template_of(tmp_path, PLAIN.replace("m.content", content))
    assert template.style == MessageStyle(content_parts=True)
    talk = (Message(role="user", content="Hi"), Message(role="assistant", content="Hello."))
    text = template.render(Conversation(id="row", messages=talk)).text
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"


def test_mistrals_formats_have_no_notes(tekken: Tokenizer) -> None:
    assert load_template(tekken).notes == ()
