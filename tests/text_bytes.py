"""Bytes of any kind that a reader of text may meet."""

from __future__ import annotations

from hypothesis import strategies as st

from calibset.storage.file_forms import describe_other_form

TEXT_BYTES = st.binary().filter(lambda data: describe_other_form(data) is None)
"""Bytes that don't begin as files of another kind do: those are an error with a name."""
