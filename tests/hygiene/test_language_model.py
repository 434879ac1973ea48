"""The model finds what py3langid's own code does, read from the package or from the cache."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

from calibset.hygiene.language_model import LanguageModel
from calibset.storage.cache import Cache

TEXT = "Poistník je povinný oznámiť poisťovni každú škodu. Страхувальник зобов'язаний. 保険契約者は損害を。"


@pytest.fixture(scope="module")
def own() -> LanguageIdentifier:
    """The identifier as py3langid reads it."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel.load()


@given(text=st.text(max_size=60) | st.text(st.sampled_from(TEXT), max_size=200) | st.just(TEXT))
def test_languages_rank_as_py3langid_ranks_them(
    text: str, own: LanguageIdentifier, model: LanguageModel
) -> None:
    assert model.rank(text) == own.rank(text)
    assert model.labels == own.labels


def test_the_model_is_read_from_the_cache_once_it_is_kept(
    own: LanguageIdentifier, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALIBSET_CACHE", str(cache.folder))
    first = LanguageModel.load()
    (kept,) = cache.folder.glob("computed/languages-1/*")
    assert kept.stat().st_size < 10_000_000
    monkeypatch.setattr("calibset.hygiene.language_model.read_package", None)
    second = LanguageModel.load()
    assert np.array_equal(first.nb_ptc, second.nb_ptc)
    assert first.rank(TEXT) == second.rank(TEXT) == own.rank(TEXT)
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(TypeError):
        LanguageModel.load()
