from __future__ import annotations

from array import array
from types import SimpleNamespace

import numpy as np
import pytest

from calibset.tokenizers.truncation import VisibleIds, visible_ids


@pytest.mark.parametrize("suffix", [(), (2,)])
@pytest.mark.parametrize("length", [0, 3, 4, 9])
def test_visible_ids_are_the_same_one_by_one_and_as_an_array(length: int, suffix: tuple[int, ...]) -> None:
    tokenizer = SimpleNamespace(prefix=(1,), suffix=suffix)
    ids = array("i", range(100, 100 + length))
    expected = visible_ids(ids, tokenizer, 5)
    visible = VisibleIds(ids, tokenizer, 5)
    assert list(visible) == expected
    assert np.asarray(visible, np.int32).tolist() == expected
    assert np.asarray(visible).dtype == np.int32
