from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from calibset.core.errors import OutputError
from calibset.dataset.hub_upload import HubUpload, RelatedFiles, push_to_hub
from calibset.dataset.manifest import manifest_path
from tests.dataset.cards.records import manifest, source
from tests.dataset.writable_hub import WritableHub, use_hub
from tests.storage.loopback import refusing

ROWS = b'{"text": "a", "source": "texts", "tokens": 1}\n' * 4


def write_file(folder: Path, name: str = "x.jsonl", rows: bytes = ROWS) -> Path:
    path = folder / name
    path.write_bytes(rows)
    record = manifest(source("texts"), sha256=sha256(rows).hexdigest())
    manifest_path(path).write_text(record.to_json(), "utf-8")
    return path


def test_a_file_goes_with_its_card(writable: WritableHub, tmp_path: Path) -> None:
    path = write_file(tmp_path)
    result = push_to_hub(path, "me/set", token="hf_x", commit_message="The first")
    (commit,) = writable.commits
    assert (commit.repo, commit.message, writable.private) == ("me/set", "The first", {"me/set": True})
    assert (
        set(result.files)
        == set(commit.files)
        == {"ATTRIBUTION.md", "README.md", "x.jsonl", "x.manifest.json"}
    )
    assert commit.files["x.jsonl"] == ROWS
    assert commit.files["x.manifest.json"] == manifest_path(path).read_bytes()
    assert commit.files["README.md"].startswith(b"---\n")
    assert (result.url, result.private) == (f"{writable.address}/me/set/commit/1", True)
    assert writable.logins == {"Bearer hf_x"}


def test_holdout_recipe_and_lock_go_along(writable: WritableHub, tmp_path: Path) -> None:
    recipe, lock = tmp_path / "r.toml", tmp_path / "r.lock"
    recipe.write_text("# a recipe\n")
    lock.write_text("{}")
    held = write_file(tmp_path, "x.holdout.jsonl", b"{}\n" * 4)
    related = RelatedFiles(holdout=held, recipe=recipe, lock=lock)
    push_to_hub(HubUpload.read(write_file(tmp_path), related), "set")
    (commit,) = writable.commits
    assert commit.repo == "me/set"
    assert commit.files.keys() >= {"x.holdout.jsonl", "x.holdout.manifest.json", "r.toml", "r.lock"}
    card = commit.files["README.md"].decode()
    assert "  - split: test\n    path: x.holdout.jsonl" in card
    assert "calibset build r.toml --locked --out x.jsonl" in card


def test_it_may_be_public_if_that_is_asked_for(writable: WritableHub, tmp_path: Path) -> None:
    assert not push_to_hub(write_file(tmp_path), "me/set", private=False).private
    assert writable.private == {"me/set": False}


def test_a_repository_that_is_there_gets_one_more_commit(writable: WritableHub, tmp_path: Path) -> None:
    path = write_file(tmp_path)
    push_to_hub(path, "me/set")
    push_to_hub(path, "me/set")
    assert [commit.repo for commit in writable.commits] == ["me/set", "me/set"]


def test_what_should_be_private_is_not_put_into_a_public_one(writable: WritableHub, tmp_path: Path) -> None:
    writable.private["me/set"] = False
    with pytest.raises(
        OutputError, match=r"^me/set: exists already and is public; push with private=False, or"
    ):
        push_to_hub(write_file(tmp_path), "me/set")
    assert writable.commits == []


NO_RIGHT = "this login may not write there; ask me for write access, or use a token that has it"
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN to a token that may write"


@pytest.mark.parametrize(
    ("refused", "status", "message"),
    [
        ("create", 401, f"the hub doesn't accept the login; {LOG_IN}"),
        ("create", 403, NO_RIGHT),
        (
            "create",
            404,
            "the hub lets no repository be created or written here; check the name and HF_ENDPOINT",
        ),
        ("commit", 403, NO_RIGHT),
        ("commit", 412, "the repository changed while the files were sent; push again"),
        ("commit", 507, "the hub answers 507: there is no room for the files; free some, or push elsewhere"),
        ("commit", 418, "the hub answers 418; try again later"),
    ],
)
def test_a_refusal_says_what_to_do(
    writable: WritableHub, tmp_path: Path, refused: str, status: int, message: str
) -> None:
    writable.refusals[refused] = status
    with pytest.raises(OutputError) as caught:
        push_to_hub(write_file(tmp_path), "me/set")
    assert str(caught.value) == f"me/set: {message}"


def test_a_card_that_the_hub_does_not_take(writable: WritableHub, tmp_path: Path) -> None:
    writable.faults.append('"language" must be a code')
    with pytest.raises(
        OutputError, match=r"^me/set: the hub doesn't accept it \(.*\"language\" must be a code\); "
    ):
        push_to_hub(write_file(tmp_path), "me/set")
    assert writable.commits == []


def test_a_hub_that_answers_something_else(writable: WritableHub, tmp_path: Path) -> None:
    writable.garbled = True
    with pytest.raises(
        OutputError, match=r"^me/set: the hub's answer can't be understood \(.+\); check HF_ENDPOINT$"
    ):
        push_to_hub(write_file(tmp_path), "me/set")


def test_a_card_that_can_not_be_made_leaves_no_empty_repository(
    writable: WritableHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise TypeError("a slip")

    monkeypatch.setattr("calibset.dataset.cards.dataset_card.dataset_card", broken)
    with pytest.raises(TypeError, match=r"^a slip$"):
        push_to_hub(write_file(tmp_path), "me/set")
    assert writable.private == {}


def test_a_bare_name_gets_its_owner_from_the_hub(writable: WritableHub, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(ROWS)
    record = manifest(source("texts", licence="PSF-2.0"), sha256=sha256(ROWS).hexdigest())
    manifest_path(path).write_text(record.to_json(), "utf-8")
    push_to_hub(path, "set")
    (commit,) = writable.commits
    link = "license_link: https://huggingface.co/datasets/me/set/blob/main/ATTRIBUTION.md"
    assert link in commit.files["README.md"].decode().splitlines()


def test_a_hub_that_nobody_answers_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_hub(refusing(), tmp_path / "hub-cache", monkeypatch)
    with pytest.raises(OutputError, match=r"^me/set: the hub can't be reached \(.+\); check the network and"):
        push_to_hub(write_file(tmp_path), "me/set")


def test_a_name_that_is_none(writable: WritableHub, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        push_to_hub(write_file(tmp_path), "a b/c")
    assert str(caught.value) == (
        "a b/c: is not a repository name; write OWNER/NAME, of letters, digits, . _ and - (neither -- nor ..)"
    )


def test_a_file_that_its_manifest_does_not_tell_of(tmp_path: Path) -> None:
    path = write_file(tmp_path)
    path.write_bytes(ROWS + ROWS)
    with pytest.raises(OutputError, match=r"x\.manifest\.json: belongs to another file: it says sha256 "):
        push_to_hub(path, "me/set")


def test_a_file_without_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(ROWS)
    with pytest.raises(
        OutputError,
        match=r"x\.jsonl: no manifest is beside it; `calibset build` and `calibset repack` write one$",
    ):
        push_to_hub(tmp_path / "x.jsonl", "me/set")


def test_two_files_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(
        OutputError, match=r"two files would have the same name in the repository; rename one$"
    ):
        HubUpload.read(write_file(tmp_path), RelatedFiles(holdout=write_file(tmp_path / "other")))


def test_a_recipe_does_not_take_the_card_s_place(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("")
    with pytest.raises(OutputError, match="two files would have the same name"):
        HubUpload.read(write_file(tmp_path), RelatedFiles(recipe=tmp_path / "README.md"))
