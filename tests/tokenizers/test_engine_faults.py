from __future__ import annotations

import pytest

from calibset.core.errors import RecipeError, TokenizerError
from calibset.tokenizers.engine_faults import locate_faults, translate_faults, translate_panics
from calibset.tokenizers.huggingface import HuggingFaceTokenizer, from_file


@pytest.fixture(scope="module")
def panicking(tmp_path_factory: pytest.TempPathFactory) -> HuggingFaceTokenizer:
    """A tokenizer whose library panics: of an added token its normalizer leaves nothing to look for."""
    import tokenizers
    from tokenizers import AddedToken, models, normalizers

    engine = tokenizers.Tokenizer(models.BPE({"a": 0}, []))
    engine.normalizer = normalizers.Replace("b", "")
    engine.add_tokens([AddedToken("b", rstrip=True, normalized=True)])
    path = tmp_path_factory.mktemp("panicking") / "tokenizer.json"
    engine.save(str(path))
    return from_file(path, "small")


def test_a_panic_is_an_error(panicking: HuggingFaceTokenizer) -> None:
    with pytest.raises(TokenizerError) as caught:
        panicking.encode("\u20ac1", parse_special=True)
    said = str(caught.value)
    assert said.startswith("small: can't read '€1': its library panics (")
    assert said.endswith(
        "), and would in a quantizer as well; leave the text out, or use a tokenizer.json whose added tokens "
        "and normalizer are others"
    )


def test_a_long_text_is_quoted_in_part() -> None:
    with pytest.raises(TokenizerError) as caught, translate_faults("small: can't read", text="x" * 1_000):
        raise ValueError
    assert str(caught.value) == f"small: can't read '{'x' * 60}': ValueError"


def test_an_exception_has_a_remedy() -> None:
    told = pytest.raises(TokenizerError, match=r"^small: can't read: no such id; train it$")
    with told as caught, translate_faults("small: can't read", remedy="train it"):
        raise ValueError("no such id")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_stays_one(interruption: type[BaseException]) -> None:
    with pytest.raises(interruption), translate_faults("small: can't read"):
        raise interruption


def test_our_own_errors_stay_what_they_are() -> None:
    error = RecipeError("tokenizer: is empty")
    with pytest.raises(RecipeError) as caught, translate_faults("small: can't read"):
        raise error
    assert caught.value is error


def test_exceptions_pass_where_only_panics_are_translated() -> None:
    with pytest.raises(ValueError, match="refused"), translate_panics("small: can't read"):
        raise ValueError("refused")


def test_the_place_of_a_text_is_told() -> None:
    told = pytest.raises(TokenizerError, match=r"^sources\.sea: a\.jsonl#3: small: can't read$")
    with told, locate_faults("sources.sea: a.jsonl#3"):
        raise TokenizerError("small: can't read")
