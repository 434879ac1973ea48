from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from calibset.core.atomic_write import write_atomically, write_together
from calibset.core.errors import OutputError

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and limits")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file with something in it."""
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"old")
    return path


def failing(stream: BinaryIO, error: BaseException) -> None:
    stream.write(b"half")
    raise error


def only(target: Path) -> bool:
    """Return whether nothing else was left in the folder."""
    return list(target.parent.iterdir()) == [target]


def test_a_file_is_replaced_when_the_block_ends(target: Path) -> None:
    with write_atomically(target) as stream:
        stream.write(b"new")
        stream.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert only(target)


def test_a_file_that_was_not_there_appears(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "new") as stream:
        stream.write(b"1")
    assert (tmp_path / "new").read_bytes() == b"1"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_changes_nothing(target: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), write_atomically(target) as stream:
        failing(stream, error())
    assert target.read_bytes() == b"old"
    assert only(target)


def test_a_full_disk_changes_nothing(target: Path) -> None:
    with pytest.raises(OutputError) as caught, write_atomically(target) as stream:
        failing(stream, OSError(errno.ENOSPC, "No space left on device"))
    assert str(caught.value) == f"{target}: can't be written: No space left on device; nothing was changed"
    assert target.read_bytes() == b"old"
    assert only(target)


@posix
def test_a_limit_on_file_sizes_changes_nothing(target: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from typing import BinaryIO
from calibset.core.errors import OutputError
from calibset.core.atomic_write import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with write_atomically(Path(sys.argv[1])) as stream:
        stream.write(b"x" * 1001)
except OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(target)], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{target}: can't be written: File too large; nothing was changed\n"
    assert done.stderr == ""
    assert target.read_bytes() == b"old"
    assert only(target)


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "no" / "out"
    with pytest.raises(OutputError) as caught, write_atomically(path):
        pass
    assert str(caught.value) == f"{path}: can't be written: No such file or directory; nothing was changed"


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (
        pytest.raises(OutputError, match="is a folder; nothing was changed"),
        write_atomically(tmp_path / "out"),
    ):
        pass
    assert only(tmp_path / "out")


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_result_has_usual_permissions(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with write_atomically(tmp_path / "out"):
            pass
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == mode


def test_several_files_are_replaced_together(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with write_together(one, two) as (first, second):
        first.write(b"1")
        second.write(b"2")
        assert not one.exists()
    assert (one.read_bytes(), two.read_bytes()) == (b"1", b"2")


def test_none_is_replaced_where_the_last_can_not_be(target: Path) -> None:
    second = target.with_name("second")
    second.mkdir()
    with (
        pytest.raises(OutputError, match="second: is a folder; nothing was changed"),
        write_together(target, second),
    ):
        pass
    assert target.read_bytes() == b"old"


def test_what_a_killed_run_left_is_swept_once_it_is_old(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in (".a[1].txt.x.tmp", ".a[1].txt.y.tmp", ".b.txt.x.tmp"))
    for left in (old, new, other):
        left.write_text("half")
    for left in (old, other):
        os.utime(left, (1, 1))
    with write_atomically(tmp_path / "a[1].txt") as stream:
        stream.write(b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([new.name, other.name, "a[1].txt"])
