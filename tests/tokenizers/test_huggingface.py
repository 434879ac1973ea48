from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Document, Sample
from calibset.core.errors import TokenizerError
from calibset.packing import RowSpec, pack_documents
from calibset.tokenizers import ControlTokens
from calibset.tokenizers.huggingface import from_file

if TYPE_CHECKING:
    import tokenizers

    from calibset.tokenizers.huggingface import HuggingFaceTokenizer

LINES = [
    "Poistná zmluva sa uzatvára písomne a poistník platí poistné včas.",
    "The insured pays a premium before the policy begins, unless agreed otherwise.",
    "保险合同是投保人与保险人约定保险权利义务关系的协议。",
    "def add(a, b):\n    return a + b\n",
]


def trained(*, bos: bool = True, eos: bool = False) -> tokenizers.Tokenizer:
    import tokenizers
    from tokenizers import AddedToken, decoders, models, pre_tokenizers, processors, trainers

    engine = tokenizers.Tokenizer(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    engine.train_from_iterator(LINES, trainer)
    engine.add_tokens([AddedToken("    ", normalized=False), AddedToken("\n\n", normalized=False)])
    single = " ".join(["<s>"] * bos + ["$A"] + ["</s>"] * eos)
    engine.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return engine


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> HuggingFaceTokenizer:
    path = tmp_path_factory.mktemp("small") / "tokenizer.json"
    trained().save(str(path))
    return from_file(path, "small")


def loaded(folder: Path, engine: tokenizers.Tokenizer) -> HuggingFaceTokenizer:
    engine.save(str(folder / "tokenizer.json"))
    return from_file(folder / "tokenizer.json", "small")


def test_control_tokens_are_parsed_or_spelled(small: HuggingFaceTokenizer) -> None:
    parsed = small.encode("a</s>b", parse_special=True)
    literal = small.encode("a</s>b", parse_special=False)
    assert 1 in parsed
    assert 1 not in literal
    assert len(parsed) < len(literal)
    assert small.decode(parsed) == small.decode(literal) == "a</s>b"


def test_only_special_tokens_are_control_tokens(small: HuggingFaceTokenizer) -> None:
    assert small.special_tokens == {"<s>": 0, "</s>": 1, "<|end|>": 2}
    assert small.control_ids == {0, 1, 2}
    tokens = ControlTokens.of(small.special_tokens)
    code = "if a:\n\n        return b</s>"
    assert tokens.neutralise(code) == "if a:\n\n        return b< /s>"


@pytest.mark.parametrize(
    ("bos", "eos", "prefix", "suffix"),
    [(True, False, (0,), ()), (True, True, (0,), (1,)), (False, True, (), (1,)), (False, False, (), ())],
)
def test_what_the_post_processor_adds(
    tmp_path: Path, bos: bool, eos: bool, prefix: tuple[int, ...], suffix: tuple[int, ...]
) -> None:
    small = loaded(tmp_path, trained(bos=bos, eos=eos))
    assert (small.prefix, small.suffix) == (prefix, suffix)


def test_a_post_processor_that_does_more_is_an_error(tmp_path: Path) -> None:
    from tokenizers import processors

    engine = trained()
    control = ("<s>", engine.token_to_id("<s>"))
    engine.post_processor = processors.TemplateProcessing(single="<s> <s>", special_tokens=[control])
    with pytest.raises(TokenizerError, match=r"its post-processor does more than put tokens around a text"):
        _ = loaded(tmp_path, engine).prefix


def test_truncation_and_padding_of_the_file_are_not_applied(tmp_path: Path) -> None:
    engine = trained()
    engine.enable_truncation(4)
    engine.enable_padding(length=64)
    small = loaded(tmp_path, engine)
    ids = small.encode(LINES[0], parse_special=True)
    assert small.decode(ids) == LINES[0]
    assert small.encode("", parse_special=True) == []


def test_a_vocabulary_that_can_not_read_a_text_is_told(tmp_path: Path) -> None:
    import tokenizers
    from tokenizers import models

    words = loaded(tmp_path, tokenizers.Tokenizer(models.WordPiece({"a1": 0}, unk_token="[UNK]")))
    assert words.encode("a1", parse_special=True) == [0]
    message = (
        r"can't read 'b': WordPiece error: Missing \[UNK\] token from the vocabulary; the vocabulary and "
        r"the class or model that its folder names don't belong together$"
    )
    with pytest.raises(TokenizerError, match=message):
        words.encode("b", parse_special=True)
    with pytest.raises(TokenizerError, match=message):
        words.encode_with_ends("b", parse_special=False)


@pytest.mark.parametrize("stored", [True, False], ids=["in tokenizer.json", "in the configuration"])
def test_a_tokenizer_that_cuts_on_the_left_is_refused(tmp_path: Path, stored: bool) -> None:
    engine = trained()
    if stored:
        engine.enable_truncation(4, direction="left")
    else:
        (tmp_path / "tokenizer_config.json").write_text('{"truncation_side": "left"}')
    refused = (
        r"it cuts texts on the left \(truncation_side\), so a quantizer would read the ends of rows and not "
        r'their beginnings; set truncation_side to "right" in its tokenizer_config\.json$'
    )
    with pytest.raises(TokenizerError, match=refused):
        loaded(tmp_path, engine)
    (tmp_path / "tokenizer_config.json").write_text('{"truncation_side": "right"}')
    assert loaded(tmp_path, engine).decode([5]) == trained().decode([5])


@given(
    text=st.one_of(st.text(max_size=30), st.sampled_from([*LINES, "</s>é👩‍👧 "])), parse_special=st.booleans()
)
def test_tokens_end_in_order_inside_the_text(
    small: HuggingFaceTokenizer, text: str, parse_special: bool
) -> None:
    encoded = small.encode_with_ends(text, parse_special=parse_special)
    assert encoded.ids == small.encode(text, parse_special=parse_special)
    assert len(encoded.ids) == len(encoded.ends)
    assert encoded.ends == sorted(encoded.ends)
    assert (encoded.ends or [0])[-1] == len(text)
    assert small.decode(encoded.ids) == text


def test_no_id_is_as_large_as_the_vocabulary(small: HuggingFaceTokenizer, tmp_path: Path) -> None:
    assert (
        small.vocabulary_size
        == small.parsing_engine.get_vocab_size()
        == small.encode("\n\n", parse_special=True)[0] + 1
    )
    import tokenizers

    # Numbers that are left out count as well.
    engine = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 7}, unk_token="a"))
    assert loaded(tmp_path, engine).vocabulary_size == 8


def test_the_fingerprint_is_that_of_the_file(tmp_path: Path) -> None:
    import hashlib

    small = loaded(tmp_path, trained())
    assert small.fingerprint == hashlib.sha256((tmp_path / "tokenizer.json").read_bytes()).hexdigest()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"model": 5}', b"\xff", b"[" * 100_000])
def test_a_file_of_another_form_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(TokenizerError) as caught:
        from_file(path, "mine")
    assert str(caught.value).startswith("mine: not a tokenizer.json that tokenizers reads: ")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError) as caught:
        from_file(tmp_path / "tokenizer.json", "mine")
    assert str(caught.value) == "mine: can't be read: No such file or directory"


def corpus(count: int, seed: int) -> list[Document]:
    draw = random.Random(seed)
    return [
        Document(id=f"d{i}", text=" ".join(draw.choices(LINES, k=draw.randint(1, 12))).strip())
        for i in range(count)
    ]


@pytest.mark.parametrize(("bos", "eos"), [(True, False), (True, True), (False, False)])
def test_documents_are_packed_into_rows_that_are_long_enough(tmp_path: Path, bos: bool, eos: bool) -> None:
    small = loaded(tmp_path, trained(bos=bos, eos=eos))
    spec = RowSpec(tokenizer=small, seqlen=48, source="s")
    samples = [row for row in pack_documents(corpus(30, 7), spec) if isinstance(row, Sample)]
    assert len(samples) > 30
    for sample in samples:
        assert sample.text == sample.text.strip()
        assert list(sample.token_ids) == small.encode(sample.text, parse_special=True)
        assert 48 <= len(sample.token_ids) <= 48 + spec.slack + 8
        assert spec.check_row(sample.text).fault is None
        # What the quantizer reads is full to the last token, whatever is added around it.
        read = engine_ids(small, sample.text)
        assert len(read) == 48 + bos + eos + len(sample.token_ids) - 48


def engine_ids(small: HuggingFaceTokenizer, text: str) -> list[int]:
    engine: Any = small.parsing_engine
    return list(engine.encode(text, add_special_tokens=True).ids)


def test_a_document_that_spells_control_tokens_is_long_enough_either_way(small: HuggingFaceTokenizer) -> None:
    spec = RowSpec(tokenizer=small, seqlen=32, source="s", parse_special=True)
    text = "záznam </s> poistenia <|end|> " * 40
    samples = [
        r for r in pack_documents([Document(id="d", text=text.strip())], spec) if isinstance(r, Sample)
    ]
    assert samples
    for sample in samples:
        assert 1 in sample.token_ids
        assert len(small.encode(sample.text, parse_special=True)) >= 32
        assert len(small.encode(sample.text, parse_special=False)) >= 32


def test_eos_is_what_a_file_names_and_the_tokenizer_knows(tmp_path: Path) -> None:
    engine = trained()
    for named, eos in (("</s>", "</s>"), ("<|gone|>", ""), ("", "")):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": named}))
        assert loaded(tmp_path, engine).eos == eos


def test_a_token_is_read_as_one(small: HuggingFaceTokenizer) -> None:
    assert small.has_token("<|end|>")
    assert not small.has_token("<|start|>")
    assert not small.has_token("")


def test_parts_that_do_not_fit_together_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    table = json.loads(trained().to_str())
    table["post_processor"]["special_tokens"] = {}
    path.write_text(json.dumps(table))
    with pytest.raises(TokenizerError) as caught:
        from_file(path, "mine")
    assert str(caught.value).startswith("mine: parts of its tokenizer.json don't fit together: ")


def test_letters_that_a_tokenizer_has_no_token_for_are_an_error(tmp_path: Path) -> None:
    import tokenizers

    engine = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="[UNK]"))
    small = loaded(tmp_path, engine)
    assert small.encode("a", parse_special=True) == [0]
    for encode in (small.encode, small.encode_with_ends):
        with pytest.raises(TokenizerError, match=r"^small: can't read 'b': "):
            encode("b", parse_special=True)
