import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from calibset.sources.sampling.interleave import draw_indices
from calibset.sources.sampling.row_groups import RowGroup, read_row_groups
from calibset.storage.files import File


def parquet_file(rows: int, length: int, *, groups: int = 1) -> File:
    stream = io.BytesIO()
    texts = [f"{number:>{length}}" for number in range(rows * groups)]
    pq.write_table(pa.table({"text": texts}), stream, row_group_size=rows, use_dictionary=False)
    content = stream.getvalue()
    return File("a.parquet", lambda: io.BytesIO(content), len(content))


@settings(max_examples=20, deadline=None)
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


def test_a_row_group_is_read_again_only_for_many_more_rows() -> None:
    opened = 0
    file = parquet_file(3_000, 1_000)

    def count_opened() -> io.BytesIO:
        nonlocal opened
        opened += 1
        return io.BytesIO(file.open_bytes().read())

    (group,) = read_row_groups(File("a.parquet", count_opened, file.size), ("text",))
    opened = 0
    # 65 rows have 64 KiB; then 520 are held, and then the others.
    wanted, found = [1, 65, 66, 585, 586, 3_000], []
    for number, _ in enumerate(group.shuffle_rows(1), start=1):
        if number in wanted:
            found.append(opened)
    assert found == [1, 1, 2, 2, 3, 3]


def begin(group: RowGroup) -> Iterator[object]:
    rows = group.shuffle_rows(1)
    next(rows)
    return rows
