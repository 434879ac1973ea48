"""Builds with workers, held against those without: to the byte, whatever happens to the workers."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import calibset
from calibset.cli import main
from calibset.core.errors import CalibsetError
from calibset.dataset.calibration_file import row_bytes
from calibset.pipeline.check import check
from tests.chatml import write_chatml
from tests.pipeline.executors import Closed, Inline
from tests.prose import prose, reworded, write_recipe, write_rows
from tests.small import write_small

COOKIES = "We use cookies on this page so that it works as it should."
EVALUATION = '[[exclude]]\nname = "quiz"\ntype = "jsonl"\nwhere = "quiz"\nlicence = "CC0-1.0"\n'
QUIZ = prose(99, 30)
# What hygiene has something to say about, or admission, or packing.
PIECES = [
    prose(1), prose(2), prose(3), prose(1).upper(), reworded(prose(2)), QUIZ, f"{prose(4)} {QUIZ} {prose(5)}",
    "Ján: jan@posta.sk", "Zmluvn\u00c3\u00a9 podmienky\ufeff", "", " ", "<s> and </s>", f"a{' ' * 1_500}b",
    "\ud800", "x",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("\n\n".join)
WITH_MENUS = st.builds(lambda text, menu: f"{COOKIES}\n{text}" if menu else text, TEXTS, st.booleans())
ROWS = st.builds(
    lambda text, name: {"text": text} | ({"id": name} if name else {}),
    WITH_MENUS,
    st.sampled_from(["", "", "", "a", "b\ud800"]),
)
HYGIENE = st.fixed_dictionaries(
    {
        "duplicates": st.sampled_from(["near", "exact", "keep"]),
        "boilerplate": st.booleans(),
        "pii": st.sampled_from(["keep", "mask", "drop"]),
    }
)


def outcome(path: Path, **options: Any) -> Mapping[str, Any]:
    """Return everything that a build says, or how it fails."""
    try:
        built = calibset.build(path, **options)
    except CalibsetError as error:
        return {"error": str(error), "rejections": error.rejections, "filtered": error.filtered}
    files = {"calibration": built} | ({"holdout": built.holdout} if built.holdout else {})
    return {
        name: (
            row_bytes(file),
            file.manifest.model_dump_json(),
            file.lock.model_dump_json(),
            file.rejections,
            file.filtered,
            file.bytes_read,
            file.notes,
        )
        for name, file in files.items()
    }


def table(values: Mapping[str, object]) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items()) + " }"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer and a chat template, for recipes that are made again and again."""
    made = tmp_path_factory.mktemp("workers")
    (made / "model").mkdir()
    write_chatml(made / "model")
    write_rows(made / "quiz", [{"text": QUIZ}])
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    one=st.lists(ROWS, min_size=1, max_size=40),
    two=st.lists(ROWS, min_size=1, max_size=40),
    hygiene=HYGIENE,
    nsamples=st.integers(1, 12),
    holdout=st.booleans(),
    bound=st.sampled_from([100_000, 3]),
    workers=st.integers(1, 5),
    fails=st.sets(st.integers(0, 12), max_size=5),
)
def test_the_bytes_are_those_of_one_process_and_so_are_the_faults(  # noqa: PLR0917
    folder: Path,
    one: list[dict[str, str]],
    two: list[dict[str, str]],
    hygiene: Mapping[str, object],
    nsamples: int,
    holdout: bool,
    bound: int,
    workers: int,
    fails: set[int],
) -> None:
    lines = f'tokenizer = "model"\nhygiene = {table(hygiene)}\n' + (
        "holdout = { nsamples = 1 }\n" if holdout and hygiene["duplicates"] == "near" else ""
    )
    path = write_recipe(folder, lines, one=one, two=two)
    path.write_text(path.read_text() + f"max_left_out_in_a_row = {bound}\n{EVALUATION}")
    serial = outcome(path, nsamples=nsamples)
    parallel = outcome(path, nsamples=nsamples, workers=workers, executor=Inline(fails, workers))
    assert without_notes_on_workers(parallel) == serial


def without_notes_on_workers(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: (*file[:-1], tuple(note for note in file[-1] if not note.startswith("workers failed")))
        if isinstance(file, tuple) and name in {"calibration", "holdout"}
        else file
        for name, file in found.items()
    }


DIALOGUES = [
    {
        "messages": [
            {"role": "user", "content": f"{prose(number, 3)} jan{number}@a.sk"},
            {"role": "assistant", "content": prose(number // 2 + 100, 4)},
        ]
    }
    for number in range(60)
]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of texts and conversations, with an evaluation set and repeated lines."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "model").mkdir()
    write_chatml(folder / "model")
    write_rows(folder / "quiz", [{"text": QUIZ}])
    texts = [f"{COOKIES}\n{prose(number % 50, 60)}" for number in range(200)]
    texts[7] += f"\n{QUIZ}"
    lines = 'tokenizer = "model"\nhygiene = { boilerplate = true, pii = "mask" }\nmax_rejected = 0.5'
    path = write_recipe(folder, lines, texts=texts, talks=DIALOGUES)
    path.write_text(path.read_text() + EVALUATION)
    return path


@pytest.fixture(scope="module")
def serial(mixed: Path) -> Mapping[str, Any]:
    found = outcome(mixed)
    assert "error" not in found
    return found


def test_processes_threads_and_a_given_pool_write_what_one_process_writes(
    mixed: Path, serial: Mapping[str, Any]
) -> None:
    assert outcome(mixed, workers=2) == serial
    assert multiprocessing.active_children() == []
    with ThreadPoolExecutor(2) as threads:
        assert outcome(mixed, executor=threads) == serial
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as given_pool:
        assert outcome(mixed, executor=given_pool) == serial
        # It is the caller's, who may go on with it.
        assert given_pool.submit(abs, -1).result() == 1


class Murderous(Executor):
    """A pool whose process is killed behind the n-th chunk."""

    def __init__(self, after: int) -> None:
        # Of more, Python 3.11 may start one while another is killed, and wait for it without end.
        self.pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        self.left = after

    def submit(self, call: Any, /, *args: Any, **options: Any) -> Future[Any]:
        self.left -= 1
        if self.left == 0:
            self.pool.submit(os._exit, 9)
        return self.pool.submit(call, *args, **options)


def test_a_pool_that_breaks_in_the_middle_loses_nothing_and_is_told(
    mixed: Path, serial: Mapping[str, Any]
) -> None:
    executor = Murderous(3)
    found = outcome(mixed, workers=2, executor=executor)
    executor.pool.shutdown()
    (note,) = set(found["calibration"][-1]) - set(serial["calibration"][-1])
    assert note.startswith("workers failed to examine ")
    assert "which was done in this process then, and so was all that followed: no row is other" in note
    assert "BrokenProcessPool" in note
    assert without_notes_on_workers(found) == serial


def test_a_worker_of_its_own_that_is_killed_is_replaced(mixed: Path, serial: Mapping[str, Any]) -> None:
    killed: list[int] = []

    def kill(_source: str, done: int, _asked: int | None) -> None:
        workers = [child.pid for child in multiprocessing.active_children() if child.pid]
        if done == 2 and not killed:
            killed.extend(workers)
            os.kill(workers[0], signal.SIGKILL)
        elif killed and set(workers) - set(killed):
            replaced.extend(workers)

    replaced: list[int] = []
    found = outcome(mixed, workers=2, progress=kill)
    assert killed
    assert replaced
    (note,) = set(found["calibration"][-1]) - set(serial["calibration"][-1])
    assert "and so was all that followed" not in note
    assert "BrokenProcessPool" in note
    assert without_notes_on_workers(found) == serial


def test_an_executor_that_takes_nothing_is_told(mixed: Path, serial: Mapping[str, Any]) -> None:
    found = outcome(mixed, executor=Closed())
    (note,) = set(found["calibration"][-1]) - set(serial["calibration"][-1])
    assert note == (
        "workers failed to examine 3 parts of the documents, which was done in this process then, and so was "
        "all that followed: no row is other for it (RuntimeError: cannot schedule new futures after shutdown)"
    )
    assert without_notes_on_workers(found) == serial


def test_evaluation_sets_are_sent_to_a_worker_once(tmp_path: Path) -> None:
    quiz = [{"text": prose(number, 200)} for number in range(1_000, 1_200)]
    write_rows(tmp_path / "quiz", quiz)
    path = write_recipe(tmp_path, "", one=[prose(number) for number in range(1_000)])
    path.write_text(path.read_text() + EVALUATION)
    executor = Inline(workers=3)
    check(path, workers=3, executor=executor)
    large = [size for size in executor.sent if 2 * size > max(executor.sent)]
    assert max(executor.sent) > 200_000
    # A chunk whose worker lacks them is sent again with them, to whichever worker chance picks.
    assert 3 <= len(large) <= 12
    assert not set(large) & set(executor.sent[-20:])


def test_a_check_counts_the_same(mixed: Path) -> None:
    with_workers = check(mixed, workers=2, executor=Inline())
    assert with_workers == check(mixed)
    (*_, last) = check(mixed, executor=Closed())
    assert last.notes[-1].startswith("workers failed to examine 3 parts")


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_no_number(tmp_path: Path, workers: int) -> None:
    with pytest.raises(ValueError, match=f"workers must be at least 1, got {workers}"):
        calibset.build(write_small(tmp_path), workers=workers)


def test_what_is_no_number_or_takes_no_tasks_is_refused(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    with pytest.raises(TypeError, match=r"workers must be a whole number, got 2\.5"):
        calibset.build(path, workers=2.5)  # type: ignore[arg-type]
    for executor in (3, ThreadPoolExecutor):
        with pytest.raises(TypeError, match=r"executor must be an open concurrent\.futures\.Executor, got "):
            calibset.build(path, executor=executor)  # type: ignore[arg-type]


def test_a_worker_that_imports_the_programs_file_does_not_build_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_small(tmp_path)
    # What multiprocessing says of a process while it imports that file.
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError, match=r'put the call under if __name__ == "__main__"$'):
        calibset.build(path, workers=2)
    with ThreadPoolExecutor(1) as threads:
        calibset.build(path, executor=threads)


def test_the_command_takes_a_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_small(tmp_path)
    written = []
    for workers in ("1", "2"):
        out = tmp_path / f"{workers}.jsonl"
        assert main(["build", str(path), "--workers", workers, "--out", str(out), "--quiet"]) == 0
        written.append((out.read_bytes(), out.with_suffix(".manifest.json").read_bytes()))
    assert written[0] == written[1]
    with pytest.raises(SystemExit):
        main(["build", str(path), "--workers", "0"])
    assert "--workers" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_a_build_that_is_interrupted_or_killed(tmp_path: Path, sign: int) -> None:
    path = write_recipe(tmp_path, "", one=[prose(number, 400) for number in range(3_000)])
    command = [sys.executable, "-m", "calibset", "build", str(path), "--workers", "2", "--quiet"]
    changes = ("--set", "nsamples=5000", "--out", str(tmp_path / "out.jsonl"))
    process = subprocess.Popen([*command, *changes], stderr=subprocess.PIPE, start_new_session=True)
    until = time.monotonic() + 60
    while not (workers := workers_of(process.pid)) and time.monotonic() < until:
        time.sleep(0.02)
    assert workers
    # As a terminal does, to all of them.
    (os.killpg if sign == signal.SIGINT else os.kill)(process.pid, sign)
    process.wait(60)
    while any(map(is_alive, workers)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(is_alive, workers))
    assert process.stderr is not None
    with process.stderr as stderr:
        # A process that is killed leaves its workers to tell of it, one that is interrupted doesn't.
        assert sign == signal.SIGKILL or b"Traceback" not in stderr.read()


def workers_of(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    found = children.read_text().split() if children.exists() else []
    return [int(pid) for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
