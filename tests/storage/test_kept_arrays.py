from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calibset.storage.cache import Cache
from calibset.storage.kept_arrays import keep_arrays, load_arrays

ARRAYS = {
    "bytes": np.frombuffer(b"three", np.uint8),
    "places": np.arange(12, dtype=np.int64).reshape(3, 4),
    "none": np.zeros(0, np.uint32),
}


def kept_file(cache: Cache) -> Path:
    (file,) = cache.folder.glob("computed/kind/*")
    return file


def test_arrays_come_back_as_they_were(cache: Cache) -> None:
    keep_arrays(cache, ARRAYS, "kind", "a", "b")
    loaded = load_arrays(cache, "kind", "a", "b")
    assert loaded is not None
    assert list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].tolist() == array.tolist()
    assert load_arrays(cache, "kind", "a", "c") is None
    assert load_arrays(cache, "other", "a", "b") is None


@given(data=st.data())
def test_a_damaged_file_counts_as_none(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    keep_arrays(cache, ARRAYS, "kind", "a")
    file = kept_file(cache)
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    file.write_bytes(content)
    assert load_arrays(cache, "kind", "a") is None


def test_objects_are_not_read(cache: Cache) -> None:
    keep_arrays(cache, {"objects": np.array([1, 2], object)}, "kind", "a")
    assert load_arrays(cache, "kind", "a") is None


@pytest.mark.parametrize(
    "body",
    [
        b"no arrays at all",
        (2).to_bytes(8, "little") + b"[]      ",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        zstandard.compress(b"no arrays at all"),
        zstandard.compress(bytes(100))[:-4],
        # A frame that says it holds more than any machine has.
        b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 7 + b"\x0f" + bytes(30),
    ],
)
def test_a_whole_file_of_another_form_counts_as_none(cache: Cache, body: bytes) -> None:
    keep_arrays(cache, ARRAYS, "kind", "a")
    kept_file(cache).write_bytes(blake2b(body, digest_size=32).digest() + body)
    assert load_arrays(cache, "kind", "a") is None


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "cache")
    keep_arrays(cache, ARRAYS, "kind", "a")
    assert load_arrays(cache, "kind", "a") is None


def test_the_last_few_of_a_kind_are_kept_and_all_are_cleared(cache: Cache) -> None:
    for number in range(20):
        keep_arrays(cache, ARRAYS, "kind", str(number))
    assert load_arrays(cache, "kind", "0") is None
    assert load_arrays(cache, "kind", "19") is not None
    assert len(list(cache.folder.glob("computed/kind/*"))) == 16
    cache.clear()
    assert load_arrays(cache, "kind", "19") is None
