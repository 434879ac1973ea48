"""What many tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from calibset.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer


@pytest.fixture(scope="session")
def tekken() -> TekkenTokenizer:
    """The embedded tokenizer, which takes more than a second to load."""
    return cast("TekkenTokenizer", load_tokenizer("mistral-small-3.2"))
