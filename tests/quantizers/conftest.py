from __future__ import annotations

import pytest

from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters


@pytest.fixture(scope="session")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer of single letters that adds BOS, whose id is 256."""
    return load_tokenizer(str(write_letters(tmp_path_factory.mktemp("letters"))))
