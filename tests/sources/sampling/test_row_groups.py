import io
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibset.core.errors import SourceError
from calibset.sources.sampling.interleave import draw_indices
from calibset.sources.sampling.row_groups import RowGroup, read_row_groups
from calibset.storage.files import File


def parquet_file(rows: int, length: int, *, groups: int = 1) -> File:
    stream = io.BytesIO()
    texts = [f"{number:>{length}}" for number in range(rows * groups)]
    pq.write_table(pa.table({"text": texts}), stream, row_group_size=rows, use_dictionary=False)
    content = stream.getvalue()
    return File("a.parquet", lambda: io.BytesIO(content), len(content))


@settings(max_examples=20)
@given(st.integers(1, 700), st.sampled_from([8, 300, 2_000]), st.integers(0, 99))
def test_rows_come_in_the_order_that_is_drawn_however_few_are_held(rows: int, length: int, seed: int) -> None:
    (group,) = read_row_groups(parquet_file(rows, length), ("text",))
    drawn = [(number, int(row["text"])) for number, row in group.shuffle_rows(seed)]
    assert drawn == [(index, index) for index in draw_indices(rows, seed, "a.parquet", 0)]


def test_many_open_row_groups_hold_few_rows_each() -> None:
    length = 4_000
    groups = read_row_groups(parquet_file(1_000, length, groups=10), ("text",))
    before = pa.total_allocated_bytes()
    opened = [begin(group) for group in groups]
    held = pa.total_allocated_bytes() - before
    # 32 rows of each, where a group has 4 MB.
    assert 10 * 32 * length <= held <= 10 * 40 * length
    assert len(opened) == 10


def count_openings(file: File) -> tuple[File, list[None]]:
    """Return a file and a list that grows each time it is opened."""
    opened: list[None] = []

    def open_again() -> io.BytesIO:
        opened.append(None)
        return io.BytesIO(file.open_bytes().read())

    return File("a.parquet", open_again, file.size), opened


def test_a_row_group_is_read_again_only_for_many_more_rows() -> None:
    file, opened = count_openings(parquet_file(3_000, 1_000))
    (group,) = read_row_groups(file, ("text",))
    opened.clear()
    # Once for the headers of its pages; 65 rows have 64 KiB, then 520 are held, and then the others.
    wanted, found = [1, 65, 66, 585, 586, 3_000], []
    for number, _ in enumerate(group.shuffle_rows(1), start=1):
        if number in wanted:
            found.append(len(opened))
    assert found == [2, 2, 3, 3, 4, 4]


MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (pa.list_(MESSAGE), lambda turns: turns),
        (pa.large_list(MESSAGE), lambda turns: turns),
        (pa.list_(MESSAGE, 2), lambda turns: turns),
        (pa.struct([("turns", pa.list_(MESSAGE))]), lambda turns: {"turns": turns}),
        (
            pa.map_(pa.string(), pa.string()),
            lambda turns: [(turn["role"], turn["content"]) for turn in turns],
        ),
    ],
)
def test_conversations_of_a_row_group_are_held_without_what_the_group_shares(
    kind: pa.DataType, shape: Callable[[Any], Any]
) -> None:
    # Each of the texts, of which there are 12 MB, stands in a dictionary that pyarrow makes of a column.
    rows = [
        shape([{"role": role, "content": f"{role} {number} " * 300} for role in ("user", "assistant")])
        for number in range(1_500)
    ]
    stream = io.BytesIO()
    pq.write_table(pa.table({"messages": pa.array(rows, kind)}), stream, compression="zstd")
    content = stream.getvalue()
    file, opened = count_openings(File("a.parquet", lambda: io.BytesIO(content), len(content)))
    (group,) = read_row_groups(file, ("messages",))
    opened.clear()
    assert [row["messages"] for _, row in islice(group.shuffle_rows(1), 300)] == [
        rows[index] for index in islice(draw_indices(1_500, 1, "a.parquet", 0), 300)
    ]
    # For the headers of its pages, then for the first 32, and then for all that are wanted here.
    assert len(opened) <= 4


SHARED = "stands in many rows " * 5_000


@pytest.mark.parametrize("shared", [0, 300], ids=["none-shared", "some-shared"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_large_group_is_not_held_while_it_is_read(shared: int, version: str) -> None:
    # A dictionary that grows too large is given up by who writes it, and the other values follow as they are.
    texts = [SHARED] * shared + [f"{number} of its own " * 60 for number in range(20_000)]
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), stream, compression="zstd", data_page_version=version)
    content = stream.getvalue()
    (group,) = read_row_groups(File("a.parquet", lambda: io.BytesIO(content), len(content)), ("text",))
    assert group.unpacked_size > 15_000_000
    before, most = pa.total_allocated_bytes(), 0
    for (_, row), text in zip(group.read_rows(), texts, strict=True):
        assert row == {"text": text}
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 6_000_000 + len(SHARED) * min(shared, 256)


def begin(group: RowGroup) -> Iterator[object]:
    rows = group.shuffle_rows(1)
    next(rows)
    return rows


def test_a_page_that_unpacks_to_very_much_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibset.sources.sampling.row_groups.LARGEST_PAGE", 2**20)
    stream = io.BytesIO()
    table = pa.table({"text": ["a" * 2**21]})
    pq.write_table(table, stream, compression="zstd", use_dictionary=False, write_statistics=False)
    file = File("a.parquet", lambda: io.BytesIO(stream.getvalue()), len(stream.getvalue()))
    (group,) = read_row_groups(file, ("text",))
    for read in (group.read_rows, lambda: group.shuffle_rows(1)):
        with pytest.raises(SourceError) as caught:
            list(read())
        assert str(caught.value) == (
            "a.parquet: a page of it unpacks to 2,097,162 bytes, more than 1,048,576; write it anew with "
            "smaller pages, or leave it out with files = [...]"
        )
