from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from calibset.cli import main
from calibset.dataset import calibration_set
from calibset.dataset.lockfile import Lock
from calibset.pipeline import build as pipeline_build
from tests.cli.commands import HUB, URL, error_line
from tests.small import corpus
from tests.storage.loopback import COMMIT, Fault, Loopback, refusing


def test_a_build_can_be_read_as_json(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", recipe, "--json", "--set", "nsamples=10"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["file"], data["manifest"]) == ("small.jsonl", "small.manifest.json")
    assert (data["nsamples"], data["kept"]) == (10, 10)
    assert "samples" not in data
    assert [source["achieved"] for source in data["sources"]] == [4, 2, 4, 0]


def test_the_recipes_output_is_written_unless_another_is_named(recipe: str) -> None:
    assert main(["build", recipe, "-q", "--set", "output=theirs.jsonl"]) == 0
    assert Path("theirs.jsonl").is_file()
    assert main(["build", recipe, "-q", "--set", "output=theirs.jsonl", "--out", "mine.jsonl"]) == 0
    assert Path("mine.jsonl").read_bytes() == Path("theirs.jsonl").read_bytes()


Prepare = Callable[[Path, Loopback, pytest.MonkeyPatch], None]


DATA = f"/datasets/them/fish/resolve/{COMMIT}/a.jsonl"


def nothing(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    pass


def unreachable(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(constants, "ENDPOINT", refusing())


def gated(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": b"{}"}
    hub.broken[DATA] = Fault(status=401, headers={"X-Error-Code": "GatedRepo"}, methods=("GET", "HEAD"))


def cut_off(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    hub.files["/fish.jsonl"] = corpus("fish", 30)
    hub.broken["/fish.jsonl"] = Fault(stop_after=100)
    patch.setenv("CALIBSET_MIRRORS", f"https://example.org/={hub.address}/")


def refused(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("CALIBSET_MIRRORS", f"https://example.org/={refusing()}/")


def gone(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("CALIBSET_MIRRORS", f"https://example.org/={hub.address}/")


def corrupt(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    (folder / "fish" / "a.parquet").write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")


def broken_turtle(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    (folder / "fish" / "a.ttl").write_text("@prefix x: <http://x/> .\nx:a y:b x:c .\n")


def empty(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    (folder / "fish" / "a.jsonl").unlink()


def full_disk(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> bytes:
        raise OSError(28, "No space left on device")

    patch.setattr(calibration_set, "row_bytes", full)


CliFault = tuple[str, Prepare, list[str], int, str]


FAULTS: list[CliFault] = [
    ("unreachable hub", unreachable, [HUB], 1,
     r"sources\.fish: hf://datasets/them/fish: the hub can't be reached \(.+\); check the network .+"),
    ("unknown repository", nothing, [HUB], 1,
     r"sources\.fish: hf://datasets/them/fish: no such dataset repository; check its name, or log in .+"),
    ("gated repository", gated, [HUB], 1,
     r"sources\.fish: hf://datasets/them/fish: a\.jsonl: the repository is gated; accept its terms .+"),
    ("truncated download", cut_off, [URL], 1,
     r"sources\.fish: https://example\.org/fish\.jsonl: the download keeps breaking off; .+"),
    ("refused connection", refused, [URL], 1,
     r"sources\.fish: https://example\.org/fish\.jsonl: can't be reached \(ConnectionError\); check .+"),
    ("missing file on a server", gone, [URL], 1,
     r"sources\.fish: https://example\.org/fish\.jsonl: the server has no such file; check the URL"),
    ("corrupt parquet", corrupt, ["--set=sources.fish.type=parquet"], 1,
     r"sources\.fish: a\.parquet: can't be read as parquet \(.+\); fetch the file again"),
    ("invalid turtle", broken_turtle, ["--set=sources.fish.type=ontology"], 1,
     r"sources\.fish: a\.ttl:\d+: not valid turtle \(.+\); correct it, fetch it again, or leave it out .+"),
    ("folder without files", empty, [], 1,
     r"sources\.fish: fish: no file matches \*\.jsonl, .+; it holds nothing: name the right ones .+"),
    ("missing folder", nothing, ["--set=sources.fish.where=gone"], 1,
     r"sources\.fish: gone: no such file or folder under \.; set --data DIR to where the corpora are"),
    ("missing data folder", nothing, ["--data", "nowhere"], 2, r"--data nowhere: no such folder"),
    ("wrong mirror", nothing, ["--mirror", "x"], 2, r"--mirror x: must read https://PREFIX=https://REPLACEMENT"),
    ("full disk", full_disk, [], 1,
     r"old\.jsonl: can't be written: No space left on device; nothing was changed"),
    ("wrong key", nothing, ["--set=nsample=1"], 2,
     r"recipe\.toml: nsample: unknown key; did you mean nsamples\?"),
    ("wrong override", nothing, ["--set=x"], 2, r"--set x: must read key\.path=value, such as .+"),
    ("too little", nothing, ["--set=nsamples=100000"], 1,
     r"mixture: fish gives \d+ of 40000 rows, .+"),
    ("unknown tokenizer", nothing, ["--set=tokenizer=gone"], 1, r"tokenizer 'gone': neither a known name .+"),
]  # fmt: skip


@pytest.mark.usefixtures("recipe", "pauses")
@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_fault_is_one_clear_line_and_changes_nothing(
    tmp_path: Path,
    hub: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: CliFault,
) -> None:
    _, prepare, words, code, expected = fault
    contents = {"old.jsonl": b"old rows", "old.manifest.json": b"old record"}
    for name, content in contents.items():
        Path(name).write_bytes(content)
    prepare(tmp_path, hub, monkeypatch)
    assert main(["build", "recipe.toml", "--quiet", "--out", "old.jsonl", *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"calibset: {expected}\n", err)
    assert {name: Path(name).read_bytes() for name in contents} == contents
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize(
    ("out", "fault"),
    [
        ("x.json", "must end in .jsonl"),
        ("a b.jsonl", "AutoRound can't be given this file: the path holds a space, which it removes"),
        ("a,b.jsonl", "AutoRound can't be given this file: the path holds a comma, which separates datasets"),
    ],
)
def test_a_path_that_the_quantizer_misreads_is_refused_first(
    out: str, fault: str, recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline_build, "build", None)
    assert main(["build", recipe, "--out", out]) == 2
    assert capsys.readouterr().err == f"calibset: --out {out}: {fault}\n"


def test_503s_and_dropped_connections_are_overcome(
    recipe: str, hub: Loopback, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", recipe, "-q", "--out", "local.jsonl"]) == 0
    hub.files["/fish.jsonl"] = corpus("fish", 30)
    hub.faults["/fish.jsonl"] = [
        Fault(status=503, headers={"Retry-After": "1"}, methods=("HEAD",)),
        Fault(status=503),
        Fault(stop_after=500),
        Fault(stop_after=0),
    ]
    Path("local.jsonl").rename("kept.jsonl")
    words = [URL, "--mirror", f"https://example.org/={hub.address}/"]
    assert main(["build", recipe, "-q", "--out", "remote.jsonl", *words]) == 0
    assert len(pauses) == 4
    assert capsys.readouterr() == ("", "")
    rows, local = (
        [json.loads(line)["text"] for line in Path(name).read_text().splitlines() if '"ships"' in line]
        for name in ("remote.jsonl", "kept.jsonl")
    )
    assert rows == local
    again = Path("remote.jsonl").read_bytes()
    assert main(["build", recipe, "-q", "--out", "remote.jsonl", *words]) == 0
    assert Path("remote.jsonl").read_bytes() == again


def test_a_plan_names_what_is_missing_and_exits_1(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", recipe, "--json", "--set", "sources.fish.where=gone"]) == 1
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert data["groups"] == {"sea": 12, "land": 8, "general": 0}
    assert [source["quota"] for source in data["sources"]] == [8, 4, 8, 0]
    problem = "gone: no such file or folder under .; set --data DIR to where the corpora are"
    assert data["sources"][0]["problem"] == problem
    assert err == f"calibset: sources.fish: {problem}\n"


def test_a_check_goes_on_after_a_fault_and_exits_1(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("fish/a.jsonl").unlink()
    Path("fish/a.jsonl.xz").write_bytes(b"\xfd7zXZ\0\0\4")
    assert main(["check", recipe, "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"calibset: sources\.fish: a\.jsonl\.xz: damaged or cut off \(.+\); fetch the .+\n", err
    )


def test_a_lock_can_be_written_in_silence(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", recipe, "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("recipe.lock").is_file()


def test_a_lock_stands_beside_its_recipe_wherever_one_works(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["lock", "../recipe.toml", "-q"]) == 0
    assert (tmp_path / "recipe.lock").is_file()
    assert list(Path().iterdir()) == []
    assert main(["build", "../recipe.toml", "-q", "--locked"]) == 0


def test_a_lock_is_renewed_whatever_stood_there(locked: str) -> None:
    first = Path("recipe.lock").read_bytes()
    for other in (b"{", first.replace(b'"seed": 42', b'"seed": 43')):
        Path("recipe.lock").write_bytes(other)
        assert main(["lock", locked, "-q"]) == 0
        assert Path("recipe.lock").read_bytes() == first


def test_a_folder_where_no_lock_can_be_written_is_refused_first(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The superuser may write anywhere, so a folder's mode alone would not refuse him.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    monkeypatch.setattr(pipeline_build, "build", None)
    assert error_line(["lock", recipe], 1, capsys) == f"recipe.lock: {tmp_path} can't be written to"


def test_a_recipe_in_a_folder_that_takes_nothing_is_built_as_its_lock_says(
    locked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    (tmp_path / "out").mkdir()
    assert main(["build", locked, "-q", "--locked", "--out", "out/x.jsonl"]) == 0


def test_a_lock_that_fails_leaves_the_old_one(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("recipe.lock").read_bytes()
    shutil.rmtree("fish")
    assert error_line(["lock", locked, "-q"], 1, capsys).startswith(
        "sources.fish: fish: no such file or folder "
    )
    assert Path("recipe.lock").read_bytes() == before


def test_a_build_as_locked_says_nothing_of_it(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", locked, "--locked"]) == 0
    out, err = capsys.readouterr()
    assert "lock" not in out + err


@pytest.mark.parametrize("more", [[], ["--json"], ["--quiet"]])
def test_a_locked_build_that_differs_is_one_line_and_writes_nothing(
    locked: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.jsonl").write_text("old")
    words = ["build", locked, "--locked", "--set", "description=new", "--rejects", "rejects.jsonl", *more]
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == (
        "calibset: recipe.lock: the build differs from the lock: recipe.description:  → new; "
        "nothing was written, `calibset lock` renews it"
    )
    assert err.count("calibset: ") == 1
    assert Path("small.jsonl").read_text() == "old"
    assert not Path("small.manifest.json").exists()
    assert not Path("rejects.jsonl").exists()


def test_a_locked_build_without_a_lock_is_refused(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = error_line(["build", recipe, "--locked"], 1, capsys)
    assert line == "recipe.lock: there is no lock; write one with `calibset lock`"


@pytest.mark.parametrize("command", ["build", "plan", "check"])
def test_a_lock_that_is_none_is_one_line(
    recipe: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("recipe.lock").write_text("[[package]]\n")
    assert error_line([command, recipe], 1, capsys) == (
        "recipe.lock: is not a lock of this version of calibset; renew it with `calibset lock`"
    )


def test_what_a_lock_was_overridden_with_is_named(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", recipe, "-q", "--set", "nsamples=10"]) == 0
    assert main(["build", recipe, "-q", "--locked", "--set", "nsamples=10"]) == 0
    assert error_line(["build", recipe, "-q", "--locked"], 1, capsys).startswith(
        "recipe.lock: the build differs from the lock: recipe.nsamples: 10 → 20; nothing was written"
    )


@pytest.mark.parametrize("command", ["build", "lock"])
def test_offline_with_nothing_kept_all_sources_that_need_a_server_are_named(
    remote: list[str], hub: Loopback, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(Path().iterdir())
    assert error_line([command, *remote, "--offline"], 1, capsys) == (
        "offline, and not in the cache: sources.fish, sources.ships; build once without --offline, or set "
        "CALIBSET_CACHE to a cache that holds them"
    )
    assert hub.asked == []
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize("command", ["plan", "check"])
def test_offline_a_plan_and_a_check_name_each(
    remote: list[str], hub: Loopback, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *remote, "--offline", "-q"]) == 1
    assert capsys.readouterr() == (
        "",
        "calibset: sources.fish: hf://datasets/them/fish: not in the cache\n"
        "calibset: sources.ships: https://example.org/ships.jsonl: not in the cache\n",
    )
    assert hub.asked == []


def test_offline_a_build_gives_the_same_from_what_was_kept(remote: list[str], hub: Loopback) -> None:
    assert main(["build", *remote, "-q", "--out", "there.jsonl"]) == 0
    before = list(hub.asked)
    assert main(["build", *remote, "-q", "--offline", "--out", "here.jsonl"]) == 0
    assert hub.asked == before
    assert Path("here.jsonl").read_bytes() == Path("there.jsonl").read_bytes()
    assert Path("here.manifest.json").read_bytes() == Path("there.manifest.json").read_bytes()


def test_a_locked_commit_is_built_byte_for_byte_from_an_empty_cache(
    remote: list[str], hub: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock", *remote]) == 0
    assert re.search(rf"^fish +them/fish +{COMMIT[:10]} +1 +2\.7 kB$", capsys.readouterr().out, re.MULTILINE)
    hub.move_on("beef" * 10)
    hub.repositories["them/fish"] = {"a.jsonl": corpus("cod", 30)}
    assert main(["cache", "clear"]) == 0
    assert main(["build", *remote, "-q", "--locked"]) == 0
    assert main(["plan", *remote]) == 0
    assert COMMIT[:10] in capsys.readouterr().out
    lock = Lock.read("recipe.lock")
    assert lock is not None
    assert hashlib.sha256(Path("small.jsonl").read_bytes()).hexdigest() == lock.sha256
    assert main(["lock", *remote, "-q"]) == 0
    renewed = Lock.read("recipe.lock")
    assert renewed is not None
    assert renewed.sources["fish"].revision == "beef" * 10
