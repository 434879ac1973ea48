from __future__ import annotations

from typing import get_args

from calibset.tokenizers.chat_templates.options import FORMATS, Format


def test_every_format_is_described() -> None:
    assert tuple(FORMATS) == get_args(Format)
