"""On the whole set: each row reads back to its ids, and they are those of the model in service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import calibset
from calibset.core.documents import Conversation, Sample, Span
from calibset.dataset.calibration_set import CalibrationSet
from calibset.hygiene.examination import make_all_repairs
from calibset.hygiene.safe_texts import make_safe
from calibset.pipeline.readers import open_readers, open_storage
from calibset.recipe.model import Recipe
from calibset.tokenizers import ControlTokens, Tokenizer
from calibset.tokenizers.chat_templates import mistral
from calibset.tokenizers.tekken import TekkenTokenizer
from tests.heavy.hub import FLAGSHIP

LOCAL = {
    "insurance-definitions": "codexstanford/insurance-contract-definitions",
    "actuarial-ontology": "Actuarial-Notes/Actuarial-Ontology",
    "skwiki": "skwiki-extracted",
}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """The flagship recipe, its corpora on the disk."""
    asked = calibset.load_recipe(FLAGSHIP)
    places = {name: source.where[0].removeprefix("hf://datasets/") for name, source in asked.sources.items()}
    here = [f"sources.{name}.where={where}" for name, where in (places | LOCAL).items()]
    return calibset.load_recipe(FLAGSHIP, overrides=[*here, "exclude=[]"])


@pytest.fixture(scope="module")
def built(recipe: Recipe, corpora: Path) -> CalibrationSet:
    return calibset.build(recipe, data=corpora)


@pytest.fixture(scope="module")
def conversations(
    recipe: Recipe, corpora: Path, tekken: TekkenTokenizer
) -> dict[str, dict[str, Conversation]]:
    """What each source of conversations holds, by source and id."""
    control_tokens = ControlTokens.of(tekken.special_tokens)
    readers = open_readers(recipe, open_storage(recipe, corpora, ()))
    found = {}
    for name in ("bitext-insurance", "hermes", "toolace", "when2call"):
        records = recipe.sources[name].read_shuffled(readers[name], seed=recipe.seed)
        found[name] = {
            record.id: make_safe(make_all_repairs(record), control_tokens).item
            for record in records
            if isinstance(record, Conversation)
        }
    return found


def test_another_library_reads_the_same_ids(built: CalibrationSet, fast: Tokenizer) -> None:
    assert len(built) == 512
    misread = [
        row
        for row, sample in enumerate(built)
        if fast.encode(sample.text, parse_special=True) != list(sample.token_ids)
    ]
    assert misread == []


def test_each_conversation_is_what_the_model_sees_in_service(
    built: CalibrationSet, conversations: dict[str, dict[str, Conversation]], tekken: TekkenTokenizer
) -> None:
    template = mistral.mistral_template(tekken)
    compared = shortened = 0
    for sample in built:
        if sample.source not in conversations:
            continue
        for span in sample.documents:
            if span.filler:
                continue
            conversation = conversations[sample.source][span.document]
            ids = _ids_at(sample, span, tekken)
            served = [
                list(template.mistral.encode_chat_completion(mistral._build_request(one)).tokens)[1:]
                for one in ([conversation] if span.whole else _beginnings(conversation))
            ]
            assert ids in served, f"{sample.source}: {span.document}"
            compared += 1
            shortened += not span.whole
    assert compared > 1_000
    assert shortened > 0


def _ids_at(sample: Sample, span: Span, tekken: TekkenTokenizer) -> list[int]:
    before = len(tekken.encode(sample.text[: span.start], parse_special=True))
    count = len(tekken.encode(sample.text[span.start : span.end], parse_special=True))
    return list(sample.token_ids[before : before + count])


def _beginnings(conversation: Conversation) -> Iterator[Conversation]:
    roles = [message.role for message in conversation.messages]
    for count in range(2, len(roles)):
        if roles[count - 1 : count + 1] == ["assistant", "user"]:
            yield replace(conversation, messages=conversation.messages[:count])
