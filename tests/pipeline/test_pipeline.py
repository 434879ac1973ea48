from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import calibset
from calibset.core.errors import (
    LockError,
    MixtureError,
    OfflineError,
    OutputError,
    QuantizerError,
    RecipeError,
    SourceError,
    TokenizerError,
)
from calibset.dataset.calibration_file import row_bytes
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.lockfile import Lock, LockedFile, lock_path
from calibset.dataset.manifest import Manifest
from calibset.dataset.rejects import write_rejects
from calibset.quantizers import LoadReport, RowInput
from calibset.quantizers.autoround.loader import AutoRound
from calibset.recipe.loader import load_recipe, parse_recipe
from calibset.recipe.model import Recipe
from calibset.storage import Cache
from calibset.tokenizers import Tokenizer
from tests.letters import write_letters
from tests.small import RECIPE, corpus, write_small
from tests.storage.loopback import COMMIT, Fault, Loopback


def small(tmp_path: Path, *overrides: str, **documents: int) -> Recipe:
    return load_recipe(write_small(tmp_path, documents), overrides=overrides)


def rows_of(built: CalibrationSet) -> dict[str, int]:
    return dict(Counter(sample.source for sample in built))


def test_a_build_gives_the_mixture_in_rows_that_are_long_enough(tmp_path: Path) -> None:
    built = calibset.build(small(tmp_path))
    assert len(built) == 20
    assert rows_of(built) == {"fish": 8, "ships": 4, "trees": 8}
    assert all(len(sample.token_ids) >= 64 for sample in built)
    assert all(sample.text == sample.text.strip() for sample in built)
    assert [s.achieved for s in built.manifest.sources] == [8, 4, 8, 0]


def test_every_prefix_holds_the_mixture(tmp_path: Path) -> None:
    recipe = small(tmp_path, "groups.sea=0.7", "groups.land=0.3")
    built = calibset.build(recipe)
    totals = rows_of(built)
    group_of = {name: source.group for name, source in recipe.sources.items()}
    for k in range(1, 21):
        groups = Counter(group_of[sample.source] for sample in built[:k])
        for group, total in {"sea": 14, "land": 6}.items():
            assert k * total // 20 <= groups[group] <= -(-k * total // 20)
    sea = [sample.source for sample in built if sample.source in ("fish", "ships")]
    for k in range(1, 15):
        exact = k * totals["fish"] / 14
        assert abs(sea[:k].count("fish") - exact) < 1


def test_what_runs_short_goes_to_the_fill_group(tmp_path: Path) -> None:
    built = calibset.build(small(tmp_path, ships=2))
    found = rows_of(built)
    assert found["ships"] < 4
    assert found == {"fish": 8, "ships": found["ships"], "trees": 8, "rest": 4 - found["ships"]}
    general = built.manifest.groups[-1]
    assert (general.name, general.share, general.asked, general.achieved) == (
        "general",
        None,
        0,
        4 - found["ships"],
    )


def test_or_to_the_others_of_its_group(tmp_path: Path) -> None:
    built = calibset.build(small(tmp_path, 'shortage="redistribute"', ships=2))
    found = rows_of(built)
    assert found["fish"] + found["ships"] == 12
    assert found["trees"] == 8
    assert "rest" not in found


def test_and_to_the_fill_group_where_the_others_run_short_too(tmp_path: Path) -> None:
    built = calibset.build(small(tmp_path, 'shortage="redistribute"', ships=2, fish=4))
    found = rows_of(built)
    assert found["trees"] == 8
    assert found["fish"] + found["ships"] + found["rest"] == 12
    assert found["rest"] > 0


def test_or_is_made_up_by_repeating(tmp_path: Path) -> None:
    built = calibset.build(small(tmp_path, 'shortage="repeat"', ships=2))
    assert rows_of(built) == {"fish": 8, "ships": 4, "trees": 8}
    times = Counter(sample.text for sample in built if sample.source == "ships")
    assert sum(times.values()) == 4
    assert max(times.values()) <= 4
    (ships,) = (s for s in built.manifest.sources if s.name == "ships")
    assert (ships.achieved, ships.repeated) == (4, 4 - len(times))


@pytest.mark.parametrize(
    ("overrides", "documents", "says"),
    [
        (
            ['shortage="error"'],
            {"ships": 2},
            r"^mixture: source 'ships' gives \d of 4 samples; .* policy is 'error'; ",
        ),
        (
            ['shortage="repeat"', "max_repeats=1"],
            {"ships": 2},
            r"the policy is 'repeat'; .*max_repeats >= \d",
        ),
        (['shortage="repeat"'], {"ships": 0}, r"^mixture: source 'ships' gives 0 of 4 samples; "),
        ([], {"ships": 0, "rest": 1}, r"the fill group 'general' \(rest\) has no more to give; "),
    ],
)
def test_a_shortage_without_a_way_out_is_an_error(
    tmp_path: Path, overrides: list[str], documents: dict[str, int], says: str
) -> None:
    recipe = small(tmp_path, *overrides, **documents)
    if documents["ships"] == 0:
        (tmp_path / "ships" / "a.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(MixtureError, match=says) as caught:
        calibset.build(recipe)
    assert "\n" not in str(caught.value)
    assert "left out: of ships 1 filtered: too little left for a row" in str(caught.value)


@pytest.mark.parametrize("content", ["", '{"txet": "x"}\n' * 3])
def test_a_source_that_gives_nothing_is_an_error(tmp_path: Path, content: str) -> None:
    recipe = small(tmp_path)
    (tmp_path / "ships" / "a.jsonl").write_text(content)
    with pytest.raises(SourceError) as caught:
        calibset.build(recipe)
    reasons = " (3 rejected: no column 'text')" if content else ""
    assert str(caught.value) == f"sources.ships: ships gives nothing to pack{reasons}"
    (ships,) = (found for found in calibset.check(recipe) if found.name == "ships")
    assert ships.problem == str(caught.value)


def test_a_recipe_may_be_given_by_its_path(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    assert row_bytes(calibset.build(tmp_path / "recipe.toml")) == row_bytes(calibset.build(recipe))
    assert calibset.plan(str(tmp_path / "recipe.toml")).recipe == recipe


def test_a_plan_wants_a_tokenizer_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="tokenizer 'mistral-small-9'"):
        calibset.plan(small(tmp_path, 'tokenizer="mistral-small-9"'))


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    recipe = small(tmp_path, ships=2)
    first, second = calibset.build(recipe), calibset.build(recipe)
    assert row_bytes(first) == row_bytes(second)
    assert first.manifest.to_json() == second.manifest.to_json()
    assert row_bytes(
        calibset.build(load_recipe(tmp_path / "recipe.toml", overrides=["seed=7"]))
    ) != row_bytes(first)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_gives_the_same_bytes(tmp_path: Path, hash_seed: str) -> None:
    recipe = small(tmp_path, ships=2)
    here = calibset.build(recipe)
    script = (
        "import calibset, sys\n"
        "built = calibset.build(calibset.load_recipe(sys.argv[1]))\n"
        "built.write(sys.argv[2])\n"
    )
    out = tmp_path / "out.jsonl"
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "recipe.toml"), str(out)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        cwd=tmp_path,
    )
    assert out.read_bytes() == row_bytes(here)
    assert (tmp_path / "out.manifest.json").read_text("utf-8") == here.manifest.to_json()


def test_the_manifest_says_what_was_built_and_nothing_of_this_machine(tmp_path: Path) -> None:
    places = [f'sources.fish.where="{tmp_path / "fish"}"', f'tokenizer="{tmp_path / "tokenizer.json"}"']
    recipe = small(tmp_path, *places, f'output="{tmp_path / "x.jsonl"}"', ships=2)
    built = calibset.build(recipe)
    out = built.write(tmp_path / "out.jsonl")
    text = (tmp_path / "out.manifest.json").read_text("utf-8")
    assert str(tmp_path) not in text
    assert tmp_path.name not in text
    manifest = json.loads(text)
    assert manifest["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert manifest["tokenizer"]["name"] == "tokenizer.json"
    assert manifest["recipe"]["sources"]["fish"]["where"] == ["fish"]
    assert [manifest[key] for key in ("name", "nsamples", "seqlen", "kept")] == ["small", 20, 64, 20]
    assert manifest["quantizer"] == AutoRound.info.label
    assert [len(manifest[key]) for key in ("samples", "sources", "groups")] == [20, 4, 3]
    assert not [key for key in manifest if "time" in key or "date" in key]
    (fish,) = (source for source in manifest["sources"] if source["name"] == "fish")
    assert (fish["licence"], fish["asked"], fish["achieved"], fish["tokens_read"]) == (
        "CC0-1.0",
        8,
        8,
        8 * 63,
    )


def test_the_manifests_spans_are_the_texts_documents(tmp_path: Path) -> None:
    built = calibset.build(small(tmp_path))
    lines = {
        f"a.jsonl#{number}": json.loads(line)["text"]
        for number, line in enumerate((tmp_path / "fish" / "a.jsonl").read_text("utf-8").splitlines())
    }
    for sample, report in zip(built, built.manifest.samples, strict=True):
        assert (report.source, report.tokens) == (sample.source, len(sample.token_ids))
        for span in report.documents:
            piece = sample.text[span.start : span.end]
            assert piece
            if sample.source == "fish":
                assert piece in lines[span.document]
                assert span.whole == (piece == lines[span.document])


ARMED = (
    b'{"text": "Turns end with </s> and begin with <s>, as everybody knows who ever read of such things."}\n'
)


def test_control_tokens_are_neutralised_or_kept(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    (tmp_path / "trees" / "a.jsonl").write_bytes(
        b"".join(ARMED.replace(b"Turns", b"Turns %d" % i) for i in range(40))
    )
    safe = calibset.build(recipe)
    trees = [sample for sample in safe if sample.source == "trees"]
    assert not any("</s>" in sample.text for sample in trees)
    assert any("< /s>" in sample.text for sample in trees)
    assert not specials(tmp_path) & {i for sample in safe for i in sample.token_ids}
    report = safe.manifest.sources[2]
    assert report.control_tokens_neutralised == 2 * report.documents_read > 0

    armed = calibset.build(load_recipe(tmp_path / "recipe.toml", overrides=['control_tokens="keep"']))
    trees = [sample for sample in armed if sample.source == "trees"]
    assert any("</s>" in sample.text for sample in trees)
    assert specials(tmp_path) & {i for sample in trees for i in sample.token_ids}
    assert armed.manifest.sources[2].control_tokens_neutralised == 0
    assert armed.manifest.kept == 20


def specials(tmp_path: Path) -> set[int]:
    return set(calibset.load_tokenizer(str(tmp_path / "tokenizer.json")).special_tokens.values())


def test_rows_that_the_quantizer_would_drop_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate = AutoRound.simulate

    def strict(
        self: AutoRound, rows: Iterable[RowInput], tokenizer: Tokenizer, *, nsamples: int, seqlen: int
    ) -> LoadReport:
        shorter = (str(row)[: 60 + i] for i, row in enumerate(rows))
        return simulate(self, shorter, tokenizer, nsamples=nsamples, seqlen=seqlen)

    monkeypatch.setattr(AutoRound, "simulate", strict)
    with pytest.raises(QuantizerError) as caught:
        calibset.build(small(tmp_path))
    assert str(caught.value) == (
        f"{AutoRound.info.label} would keep 17 of 20 rows, so nothing was written: "
        "row 1 (source fish): 3 tokens short of 64; row 2 (source trees): 2 tokens short of 64; "
        "row 3 (source fish): 1 tokens short of 64; please report this recipe"
    )


class Heard:
    """Notes what a build says of its progress."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int | None]] = []

    def __call__(self, source: str, done: int, asked: int | None) -> None:
        self.calls.append((source, done, asked))


def test_a_build_tells_how_far_it_has_come(tmp_path: Path) -> None:
    heard = Heard()
    recipe = small(tmp_path, ships=0)
    (tmp_path / "ships" / "a.jsonl").write_text('{"text": "x"}\n')
    calibset.build(recipe, progress=heard)
    assert [call for call in heard.calls if call[0] == "fish"] == [("fish", i, 8) for i in range(1, 9)]
    assert [call for call in heard.calls if call[0] == "ships"] == [("ships", 0, 0)]
    assert heard.calls[-1] == ("rest", 4, 4)


def test_a_source_may_be_named_in_every_way(tmp_path: Path, hub: Loopback, pauses: list[float]) -> None:
    recipe = small(
        tmp_path,
        'sources.fish.where=["nowhere", "hf://datasets/them/none", "hf://datasets/them/fish"]',
        'sources.ships.where="https://example.org/x/ships.jsonl"',
    )
    local = calibset.build(load_recipe(tmp_path / "recipe.toml"))
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    hub.files["/m/ships.jsonl"] = corpus("ships", 30)
    data = f"/datasets/them/fish/resolve/{COMMIT}/a.jsonl"
    hub.faults = {
        data: [Fault(status=503, headers={"Retry-After": "0"}), Fault(stop_after=100)],
        "/m/ships.jsonl": [Fault(stop_after=1_000), Fault(status=503)],
    }
    mirror = f"https://example.org/x/={hub.address}/m/"
    built = calibset.build(recipe, mirrors=[mirror])
    assert {sample.text for sample in built if sample.source != "ships"} == {
        sample.text for sample in local if sample.source != "ships"
    }
    fish, ships = built.manifest.sources[:2]
    assert (fish.location, fish.revision) == ("hf://datasets/them/fish", COMMIT)
    assert (ships.location, ships.revision) == ("https://example.org/x/ships.jsonl", None)
    assert hub.address not in built.manifest.to_json()


def test_a_plan_downloads_no_data(tmp_path: Path, hub: Loopback) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": b"x" * 100, "b.jsonl": b"y", "README.md": b"z"}
    hub.files["/m/ships.jsonl"] = corpus("ships", 30)
    recipe = small(
        tmp_path,
        'sources.fish.where="hf://datasets/them/fish"',
        'sources.ships.where="https://example.org/ships.jsonl"',
        'sources.trees.where=["gone", "gone too"]',
    )
    planned = calibset.plan(recipe, mirrors=[f"https://example.org/={hub.address}/m/"])
    assert hub.asked
    assert hub.data_requests() == []
    assert planned.groups == {"sea": 12, "land": 8, "general": 0}
    fish, ships, trees, rest = planned.sources
    assert (fish.quota, fish.files, fish.size, fish.revision, fish.problem) == (8, 2, 101, COMMIT, None)
    assert (ships.quota, ships.files, ships.size, ships.problem) == (4, 1, 2703, None)
    assert (trees.quota, trees.files, trees.location) == (8, 0, "gone")
    assert trees.problem == (
        f"gone: no such file or folder under {tmp_path}; set --data DIR to where the corpora are; "
        f"gone too: no such file or folder under {tmp_path}; set --data DIR to where the corpora are"
    )
    assert (rest.quota, rest.files, rest.licence) == (0, 1, "unknown")


def test_a_check_counts_what_the_sources_hold(tmp_path: Path) -> None:
    recipe = small(tmp_path, 'sources.trees.where="gone"')
    (tmp_path / "ships" / "a.jsonl").write_text('{"text": "one"}\n{"text": ""}\n{oops\n{"title": "x"}\n3\n\n')
    (tmp_path / "rest" / "a.jsonl").rename(tmp_path / "rest" / "a.jsonl.gz")
    heard = Heard()
    fish, ships, trees, rest = calibset.check(recipe, progress=heard)
    assert (fish.stats.documents, fish.stats.left_out.rejections.total(), fish.problem) == (30, 0, None)
    assert ships.stats.documents == 1
    assert ships.stats.left_out.rejections == {
        "empty text": 1, "not valid JSON": 1, "no column 'text'": 1, "row is no object": 1,
    }  # fmt: skip
    assert ships.stats.left_out.examples["not valid JSON"] == "a.jsonl:3"
    assert (trees.stats.documents, trees.location) == (0, "gone")
    assert trees.problem is not None
    assert trees.problem.startswith("gone: no such file or folder")
    assert rest.problem is not None
    assert rest.problem.startswith("sources.rest: a.jsonl.gz: damaged or cut off (")
    assert [call[0] for call in heard.calls] == ["fish", "ships", "trees", "rest"]
    assert heard.calls[0] == ("fish", 30, 30)


def test_the_data_folder_can_be_set_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small(tmp_path)
    data = tmp_path / "elsewhere"
    data.mkdir()
    (tmp_path / "fish").rename(data / "fish")
    with pytest.raises(SourceError, match=r"^sources\.fish: fish: no such file or folder under "):
        calibset.build(recipe)
    monkeypatch.setenv("CALIBSET_DATA", str(data))
    assert len(calibset.build(recipe)) == 20
    with pytest.raises(SourceError, match=r"^sources\.fish: "):
        calibset.build(recipe, data=tmp_path)
    monkeypatch.setenv("CALIBSET_DATA", "")
    assert calibset.plan(recipe, data=data).sources[0].problem is None


@pytest.mark.parametrize("folder", ["nowhere", "recipe.toml", "~nobody-of-this-name/x"])
def test_a_data_folder_that_is_none_is_an_error(tmp_path: Path, folder: str) -> None:
    recipe = small(tmp_path)
    data = folder if folder.startswith("~") else str(tmp_path / folder)
    with pytest.raises(RecipeError) as caught:
        calibset.plan(recipe, data=data)
    assert str(caught.value) == f"--data {data}: no such folder"


def test_mirrors_can_be_set_by_environment(
    tmp_path: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small(tmp_path, 'sources.fish.where="https://example.org/fish.jsonl"')
    loopback.files = {"/m/fish.jsonl": b"", "/n/fish.jsonl": b""}
    from_environment = f"https://other.org/=http://127.0.0.1:1/  https://example.org/={loopback.address}/m/"
    monkeypatch.setenv("CALIBSET_MIRRORS", from_environment)
    assert calibset.plan(recipe).sources[0].problem is None
    calibset.plan(recipe, mirrors=[f"https://example.org/={loopback.address}/n/"])
    assert [path for _, path in loopback.asked] == ["/m/fish.jsonl", "/n/fish.jsonl"]
    monkeypatch.setenv("CALIBSET_MIRRORS", "nonsense")
    with pytest.raises(RecipeError, match=r"^--mirror nonsense: must read "):
        calibset.plan(recipe)


@pytest.mark.parametrize("pattern", ["../fish/*", "/etc/passwd", "*/../../fish/a.jsonl"])
def test_files_of_a_recipe_can_not_lead_out_of_the_place(tmp_path: Path, pattern: str) -> None:
    recipe = small(tmp_path, f'sources.trees.files="{pattern}"')
    with pytest.raises(SourceError) as caught:
        calibset.build(recipe)
    assert str(caught.value) == (
        f"sources.trees: trees: no file matches {pattern}; it holds a.jsonl: "
        "name the right ones with files = [...]"
    )


ODD = """
from calibset.core.documents import Conversation, Document, Message, Rejection
from calibset.sources import Source
class Mixed(Source):
    def patterns(self): return ("*",)
    def read(self, file):
        yield Document(id="a", text="x")
        yield Conversation(id="b", messages=(
            Message(role="user", content="hi"), Message(role="assistant", content="hello")))
class Halves(Source):
    def patterns(self): return ("*",)
    def read(self, file):
        for i in range(40):
            yield Document(id=f"\\ud800{i}", text=f"{i} words of a text that has an odd name " * 3)
            yield Rejection(position="\\ud800", reason="odd \\ud800")
class Raising(Source):
    def patterns(self): return ("*",)
    def read(self, file):
        raise ZeroDivisionError("first\\nsecond")
"""


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Recipe]:
    """The small recipe with an odd adapter for the fish."""
    (tmp_path / "odd_adapters_of_a_test.py").write_text(ODD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "odd_adapters_of_a_test", raising=False)
    path = write_small(tmp_path)

    def recipe(name: str) -> Recipe:
        kind = f"sources.fish.type=odd_adapters_of_a_test:{name}"
        return load_recipe(path, overrides=[kind], allow_code=True)

    return recipe


def test_whatever_an_adapter_raises_names_the_source(odd: Callable[[str], Recipe]) -> None:
    with pytest.raises(SourceError) as caught:
        calibset.build(odd("Raising"))
    assert str(caught.value) == "sources.fish: can't be read: ZeroDivisionError: first"


def test_a_source_gives_documents_or_conversations(
    odd: Callable[[str], Recipe], tekken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibset.pipeline.context.load_tokenizer", lambda *_, **__: tekken)
    with pytest.raises(SourceError) as caught:
        calibset.build(odd("Mixed"))
    assert str(caught.value) == "sources.fish: yields both documents and conversations; make it two sources"


def test_a_tokenizer_of_letters_renders_no_conversations(odd: Callable[[str], Recipe]) -> None:
    with pytest.raises(TokenizerError):
        calibset.build(odd("Mixed"))


def test_a_name_that_can_not_be_written_is_replaced(odd: Callable[[str], Recipe], tmp_path: Path) -> None:
    built = calibset.build(odd("Halves").model_copy(update={"max_rejected": 1.0}))
    built.write(tmp_path / "out.jsonl")
    fish = next(sample for sample in built if sample.source == "fish")
    assert fish.documents[0].document.startswith("\ufffd")
    assert list(built.manifest.sources[0].rejections) == ["odd \ufffd"]


def test_a_tokenizer_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"^tokenizer 'gone': neither a known name"):
        calibset.build(small(tmp_path, "tokenizer=gone"))


def test_conversations_are_built_for_the_target_model(
    tmp_path: Path, tekken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"instruction": f"How do I cancel policy number {i}?", "response": f"Call us, and name {i * 31}."}
        for i in range(120)
    ]
    (tmp_path / "chat").mkdir()
    lines = ["instruction,response", *(f'{row["instruction"]},"{row["response"]}"' for row in rows)]
    (tmp_path / "chat" / "a.csv").write_text("\n".join(lines))
    text = (
        'name = "chat"\nnsamples = 6\nseqlen = 128\n[groups]\nc = 1.0\n'
        '[sources.chat]\ngroup = "c"\ntype = "bitext"\nwhere = "chat"\n'
    )
    (tmp_path / "r.toml").write_text(text)
    monkeypatch.setattr("calibset.pipeline.context.load_tokenizer", lambda name, _, **__: tekken)
    built = calibset.build(load_recipe(tmp_path / "r.toml"))
    assert len(built) == 6
    assert all(sample.text.startswith("[INST]") for sample in built)
    assert all(sample.documents[-1].filler for sample in built)
    manifest: Manifest = built.manifest
    assert 6 < manifest.complete_turns <= manifest.turns
    assert 0 < manifest.filler < 0.5
    assert built.notes == (
        "6 of 6 rows hold control tokens, which transformers reads as letters beside a tekken.json: "
        "give AutoRound what `calibset tokenizer` or `calibset export` writes",
    )
    assert built.input_ids[0] == (1, *built[0].token_ids[:127])


def test_too_many_unreadable_records_fail_the_build(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    file = tmp_path / "ships" / "a.jsonl"
    file.write_bytes(file.read_bytes() + b"{broken\n" * 30)
    with pytest.raises(SourceError) as caught:
        calibset.build(recipe)
    assert str(caught.value).startswith("sources.ships: ")
    assert "of the records read were rejected and max_rejected is 20% (" in str(caught.value)
    assert "rejected: not valid JSON" in str(caught.value)
    allowed = calibset.build(load_recipe(tmp_path / "recipe.toml", overrides=["max_rejected=1"]))
    assert len(allowed) == 20


def test_what_was_rejected_can_be_written(tmp_path: Path) -> None:
    recipe = small(tmp_path, ships=8)
    file = tmp_path / "ships" / "a.jsonl"
    file.write_bytes(file.read_bytes() + b"{broken\n")
    built = calibset.build(load_recipe(tmp_path / "recipe.toml", overrides=["sources.ships.weight=50"]))
    written = write_rejects(tmp_path / "rejects.jsonl", built.rejections)
    lines = written.read_text("ascii").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"source": "ships", "position": "a.jsonl:9", "reason": "not valid JSON", "excerpt": "{broken"}
    ]
    assert recipe.max_rejected == 0.2


# --- a lock -------------------------------------------------------------------------------

FISH = "hf://datasets/them/fish"
LATER = "beef" * 10


@pytest.fixture
def on_hub(tmp_path: Path, hub: Loopback) -> Path:
    """The small recipe, locked with the fish on the hub, whose main branch has moved on since."""
    path = write_small(tmp_path)
    path.write_text(path.read_text().replace('where = "fish"', f'where = ["nets", "{FISH}"]'))
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    calibset.build(path).lock.write(tmp_path / "recipe.lock")
    hub.move_on(LATER)
    hub.repositories["them/fish"] = {"a.jsonl": corpus("cod", 30), "b.jsonl": corpus("eel", 30)}
    return path


def fish_of(built: CalibrationSet) -> tuple[str, str | None, str]:
    """Return where the fish were read, and what they are called."""
    source = built.manifest.sources[0]
    (word,) = {sample.text.split()[0] for sample in built if sample.source == "fish"} & {"fish", "cod", "eel"}
    return source.location, source.revision, word


def test_a_lock_holds_what_a_build_depended_on(tmp_path: Path, hub: Loopback) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30), "README.md": b"fish"}
    hub.files["/m/ships.jsonl"] = corpus("ships", 30)
    recipe = small(
        tmp_path,
        f"sources.fish.where={FISH}",
        "sources.fish.revision=main",
        'sources.ships.where="https://example.org/ships.jsonl"',
        'sources.trees.where=["gone", "trees"]',
    )
    mirror = f"https://example.org/={hub.address}/m/"
    built = calibset.build(recipe, mirrors=[mirror])
    lock, manifest = built.lock, built.manifest
    assert (lock.format, lock.name, lock.sha256) == (1, "small", hashlib.sha256(row_bytes(built)).hexdigest())
    assert (lock.recipe, lock.versions, lock.tokenizer) == (
        manifest.recipe,
        manifest.versions,
        manifest.tokenizer,
    )
    assert {name: (source.location, source.revision) for name, source in lock.sources.items()} == {
        "fish": (FISH, COMMIT),
        "ships": ("https://example.org/ships.jsonl", None),
        "trees": ("trees", None),
        "rest": ("rest", None),
    }
    whole = {"fish": "a.jsonl", "ships": "ships.jsonl", "trees": "a.jsonl"}
    for name, file in whole.items():
        content = corpus(name, 30)
        assert lock.sources[name].files == {
            file: LockedFile(
                size=len(content),
                extents=((0, len(content)),),
                sha256=hashlib.sha256(content).hexdigest(),
            )
        }
    assert lock.sources["rest"].files == {}
    lock.write(tmp_path / "recipe.lock")
    assert calibset.Lock.read(tmp_path / "recipe.lock") == lock
    assert calibset.build(recipe, mirrors=[mirror], lock="require").lock == lock


def test_a_lock_says_nothing_of_this_machine(
    tmp_path: Path, hub: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secretofmine")
    hub.repositories["them/ships"] = {"a.jsonl": corpus("ships", 30)}
    recipe = small(
        tmp_path,
        f'sources.fish.where="{tmp_path / "fish"}"',
        "sources.ships.where=hf://datasets/them/ships",
        f'sources.trees.where=["~/nothing/here", "{tmp_path / "trees"}"]',
        f'tokenizer="{tmp_path / "tokenizer.json"}"',
        f'output="{tmp_path / "x.jsonl"}"',
    )
    monkeypatch.setenv("CALIBSET_DATA", str(tmp_path))
    path = tmp_path / "recipe.lock"
    calibset.build(recipe).lock.write(path)
    text = path.read_text("utf-8")
    assert [one for one in (str(tmp_path), tmp_path.name, hub.address, "secret", "~") if one in text] == []
    assert calibset.build(recipe, lock="require").lock_differences == ()


def test_a_locked_commit_is_read_though_the_hub_has_moved_on(on_hub: Path) -> None:
    for use in ("use", "require"):
        built = calibset.build(on_hub, lock=use)
        assert fish_of(built) == (FISH, COMMIT, "fish")
        assert built.lock_differences == ()
    free = calibset.build(on_hub, lock="ignore")
    assert free.manifest.sources[0].revision == LATER
    assert free.lock_differences == ()
    assert sorted(free.lock.sources["fish"].files) == ["a.jsonl", "b.jsonl"]


def test_so_it_is_in_a_plan_and_a_check(on_hub: Path) -> None:
    assert [(one.revision, one.files) for one in calibset.plan(on_hub).sources[:1]] == [(COMMIT, 1)]
    assert calibset.check(on_hub)[0].stats.documents == 30
    (on_hub.parent / "recipe.lock").unlink()
    assert [(one.revision, one.files) for one in calibset.plan(on_hub).sources[:1]] == [(LATER, 2)]
    assert calibset.check(on_hub)[0].stats.documents == 60


def test_a_locked_place_is_read_though_an_earlier_one_has_appeared(on_hub: Path) -> None:
    (on_hub.parent / "fish").rename(on_hub.parent / "nets")
    assert fish_of(calibset.build(on_hub)) == (FISH, COMMIT, "fish")
    assert calibset.plan(on_hub).sources[0].location == calibset.check(on_hub)[0].location == FISH
    assert fish_of(calibset.build(on_hub, lock="ignore")) == ("nets", None, "fish")


@pytest.mark.parametrize(
    ("override", "revision", "first"),
    [
        ("sources.fish.revision=main", LATER, "recipe.sources.fish.revision: nothing → main"),
        (
            'sources.fish.where="hf://datasets/you/fish"',
            LATER,
            f"recipe.sources.fish.where: ['nets', '{FISH}'] → ['hf://datasets/you/fish']",
        ),
        (
            f'sources.fish.where=["shoals", "{FISH}"]',
            COMMIT,
            f"recipe.sources.fish.where: ['nets', '{FISH}'] → ['shoals', '{FISH}']",
        ),
        ("nsamples=10", COMMIT, "recipe.nsamples: 20 → 10"),
    ],
)
def test_what_the_recipe_asks_for_since_is_read(
    on_hub: Path, hub: Loopback, override: str, revision: str, first: str
) -> None:
    hub.repositories["you/fish"] = {"a.jsonl": corpus("carp", 30)}
    built = calibset.build(load_recipe(on_hub, overrides=[override]))
    assert built.manifest.sources[0].revision == revision
    assert str(built.lock_differences[0]) == first


def test_a_source_of_another_name_is_read_where_the_hub_is_now(on_hub: Path) -> None:
    on_hub.write_text(on_hub.read_text().replace("[sources.fish]", "[sources.cod]"))
    built = calibset.build(on_hub)
    assert built.manifest.sources[0].revision == LATER
    changed = {one.key: (one.before, one.after) for one in built.lock_differences}
    assert changed["sources.fish.revision"] == (COMMIT, None)
    assert changed["sources.cod.revision"] == (None, LATER)


def test_a_locked_place_that_is_gone_is_an_error_that_names_the_lock(
    on_hub: Path, hub: Loopback, cache: Cache
) -> None:
    del hub.earlier["them/fish", COMMIT]
    cache.clear()
    says = (
        f"{FISH}: no revision '{COMMIT}'; name a branch, tag or commit that is there; "
        "the lock names it, `calibset lock` renews it"
    )
    with pytest.raises(SourceError) as caught:
        calibset.build(on_hub)
    assert str(caught.value) == f"sources.fish: {says}"
    assert calibset.plan(on_hub).sources[0].problem == says
    assert calibset.check(on_hub)[0].problem == says
    assert calibset.build(on_hub, lock="ignore").manifest.sources[0].revision == LATER


def test_offline_a_locked_build_needs_no_server(on_hub: Path, hub: Loopback) -> None:
    before = list(hub.asked)
    built = calibset.build(on_hub, offline=True, lock="require")
    assert fish_of(built) == (FISH, COMMIT, "fish")
    assert calibset.plan(on_hub, offline=True).sources[0].problem is None
    assert calibset.check(on_hub, offline=True)[0].stats.documents == 30
    assert hub.asked == before


def test_offline_all_sources_that_need_a_server_are_named(tmp_path: Path, hub: Loopback) -> None:
    recipe = small(
        tmp_path, f"sources.fish.where={FISH}", "sources.rest.where=https://example.org/rest.jsonl"
    )
    with pytest.raises(OfflineError) as caught:
        calibset.build(recipe, offline=True)
    assert str(caught.value) == (
        "offline, and not in the cache: sources.fish, sources.rest; build once without --offline, or set "
        "CALIBSET_CACHE to a cache that holds them"
    )
    planned = [source.problem for source in calibset.plan(recipe, offline=True).sources]
    says = [f"{FISH}: not in the cache", None, None, "https://example.org/rest.jsonl: not in the cache"]
    assert planned == [found.problem for found in calibset.check(recipe, offline=True)] == says
    assert hub.asked == []


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """The small recipe with its lock."""
    path = write_small(tmp_path)
    calibset.build(path).lock.write(tmp_path / "recipe.lock")
    return path


def lock_at(recipe: Path) -> Lock:
    found = Lock.read(lock_path(recipe))
    assert found is not None
    return found


def relocked(recipe: Path, **update: Any) -> None:
    """Change the lock beside a recipe."""
    lock_at(recipe).model_copy(update=update).write(lock_path(recipe))


def refile(recipe: Path, **update: Any) -> None:
    """Change what the lock beside a recipe says of the fish's file."""
    sources = dict(lock_at(recipe).sources)
    file = sources["fish"].files["a.jsonl"].model_copy(update=update)
    sources["fish"] = sources["fish"].model_copy(update={"files": {"a.jsonl": file}})
    relocked(recipe, sources=sources)


def unlike(recipe: Path, *overrides: str) -> list[str]:
    """Return what a build finds other than locked; where the lock is required, that is the error."""
    asked = load_recipe(recipe, overrides=overrides)
    before = {path: path.stat().st_mtime_ns for path in recipe.parent.iterdir()}
    named = [str(one) for one in calibset.build(asked).lock_differences]
    if named:
        with pytest.raises(LockError) as caught:
            calibset.build(asked, lock="require")
        # What a recipe asks for otherwise is known before anything is read.
        first = [one for one in named if one.startswith("recipe.")] or named
        more = f"; and {len(first) - 5} more" if len(first) > 5 else ""
        assert str(caught.value) == (
            f"{lock_path(recipe)}: the build is not as locked: {'; '.join(first[:5])}{more}; "
            "nothing was written, `calibset lock` renews it"
        )
    else:
        assert calibset.build(asked, lock="require").lock_differences == ()
    assert {path: path.stat().st_mtime_ns for path in recipe.parent.iterdir()} == before
    return named


def test_a_build_that_is_as_locked_differs_in_nothing(locked: Path) -> None:
    assert unlike(locked) == []


def test_versions_alone_are_no_difference_but_said_beside_another(locked: Path) -> None:
    versions = dict.fromkeys(lock_at(locked).versions, "0.0.0")
    relocked(locked, versions=versions)
    assert unlike(locked) == []
    relocked(locked, sha256="00" * 32)
    named = unlike(locked)
    assert named[0].startswith("sha256: 0000000000000000… → ")
    assert len(named) == 1 + len(versions)
    assert all(one.startswith("versions.") for one in named[1:])


def test_another_recipe_is_named(locked: Path) -> None:
    assert unlike(locked, "description=all new") == ["recipe.description:  → all new"]
    assert unlike(locked, "seed=7")[0] == "recipe.seed: 42 → 7"
    assert unlike(locked, "sources.fish.weight=2.5")[0] == "recipe.sources.fish.weight: 2.0 → 2.5"


def test_another_tokenizer_is_named(locked: Path) -> None:
    write_letters(locked.parent, eos=True)
    named = unlike(locked)
    assert named[0].startswith("tokenizer.sha256: ")
    assert "…" in named[0]


def test_other_contents_of_the_same_size_are_named(locked: Path) -> None:
    file = locked.parent / "fish" / "a.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Once upon", b"Twice upo"))
    named = unlike(locked)
    assert [one.partition(": ")[0] for one in named] == ["sources.fish.files.a.jsonl.sha256", "sha256"]


def test_contents_that_reach_no_row_are_named_too(locked: Path) -> None:
    file = locked.parent / "fish" / "a.jsonl"
    file.write_bytes(file.read_bytes().replace(b'{"text"', b'{ "text"'))
    named = unlike(locked)
    size = f"sources.fish.files.a.jsonl.size: {len(corpus('fish', 30))} → {len(corpus('fish', 30)) + 30}"
    assert named[0] == size
    assert [one.partition(": ")[0] for one in named[1:]] == ["sources.fish.files.a.jsonl.sha256"]


def test_another_size_is_named(locked: Path) -> None:
    refile(locked, size=9)
    assert unlike(locked) == [f"sources.fish.files.a.jsonl.size: 9 → {len(corpus('fish', 30))}"]


def test_another_file_is_named(locked: Path) -> None:
    (locked.parent / "fish" / "b.jsonl").write_bytes(corpus("eel", 1))
    named = unlike(locked)
    assert f"sources.fish.files.b.jsonl.size: nothing → {len(corpus('eel', 1))}" in named


def test_another_place_is_named(locked: Path) -> None:
    (locked.parent / "fish").rename(locked.parent / "nets")
    assert unlike(locked, "sources.fish.where=nets") == [
        "recipe.sources.fish.where: ['fish'] → ['nets']",
        "sources.fish.location: fish → nets",
    ]


def test_another_commit_is_named(on_hub: Path, hub: Loopback) -> None:
    sources = dict(lock_at(on_hub).sources)
    sources["fish"] = sources["fish"].model_copy(update={"revision": "main"})
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    relocked(on_hub, sources=sources)
    assert unlike(on_hub) == ["sources.fish.revision: main → beefbeefbeefbeef…"]


def test_another_output_is_named(locked: Path) -> None:
    made = lock_at(locked).sha256
    relocked(locked, sha256="00" * 32)
    assert unlike(locked) == [f"sha256: 0000000000000000… → {made[:16]}…"]


@pytest.mark.parametrize("extents", [((0, 2_000),), ((0, 10), (300, 2_001))])
def test_a_library_that_reads_a_little_more_or_less_is_no_difference(
    locked: Path, extents: tuple[tuple[int, int], ...]
) -> None:
    content = corpus("fish", 30)
    right = hashlib.sha256(b"".join(content[start:end] for start, end in extents)).hexdigest()
    refile(locked, extents=extents, sha256=right)
    assert unlike(locked) == []
    file = locked.parent / "fish" / "a.jsonl"
    file.write_bytes(content[:305] + bytes([content[305] ^ 1]) + content[306:])
    assert "sources.fish.files.a.jsonl.sha256" in {one.partition(": ")[0] for one in unlike(locked)}


def test_a_server_that_tells_no_size_at_first_is_no_difference(
    tmp_path: Path, loopback: Loopback, cache: Cache
) -> None:
    recipe = small(tmp_path, "sources.ships.where=https://example.org/ships.jsonl")
    loopback.files["/ships.jsonl"] = corpus("ships", 30)
    loopback.broken["/ships.jsonl"] = Fault(left_out="Content-Length", methods=("HEAD",))
    mirrors = [f"https://example.org/={loopback.address}/"]
    first = calibset.build(recipe, mirrors=mirrors).lock
    second = calibset.build(recipe, mirrors=mirrors).lock
    sizes = [lock.sources["ships"].files["ships.jsonl"].size for lock in (first, second)]
    assert sizes == [None, len(corpus("ships", 30))]
    first.write(tmp_path / "recipe.lock")
    assert calibset.build(recipe, mirrors=mirrors, lock="require").lock == first
    second.write(tmp_path / "recipe.lock")
    cache.clear()
    assert calibset.build(recipe, mirrors=mirrors, lock="require").lock == second


def test_a_lock_that_is_required_must_be_there(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    shutil.rmtree(tmp_path / "fish")
    with pytest.raises(LockError) as caught:
        calibset.build(recipe, lock="require")
    assert str(caught.value) == (
        f"{tmp_path / 'recipe.lock'}: there is no lock; write one with `calibset lock`"
    )


def test_a_recipe_of_text_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small(tmp_path)
    monkeypatch.chdir(tmp_path)
    recipe = parse_recipe(RECIPE)
    built = calibset.build(recipe)
    assert built.lock_differences == ()
    built.lock.write("recipe.lock")
    with pytest.raises(LockError) as caught:
        calibset.build(recipe, lock="require")
    assert str(caught.value) == "small: there is no lock; write one with `calibset lock`"


def test_of_a_lock_that_is_ignored_nothing_is_read(locked: Path) -> None:
    lock_path(locked).write_text("{")
    assert calibset.build(locked, lock="ignore").lock_differences == ()
    says = f"{lock_path(locked)}: is no lock of this version of calibset; renew it with `calibset lock`"
    for call in (calibset.build, calibset.plan, calibset.check):
        with pytest.raises(OutputError) as caught:
            call(locked)
        assert str(caught.value) == says


def test_a_build_of_another_recipe_locks_what_it_read(locked: Path) -> None:
    content = corpus("fish", 30)
    refile(locked, extents=((0, 5),), sha256=hashlib.sha256(content[:5]).hexdigest())
    built = calibset.build(load_recipe(locked, overrides=["nsamples=24"]))
    assert built.lock.sources["fish"].files["a.jsonl"].extents == ((0, len(content)),)


def test_recipes_side_by_side_have_locks_of_their_own(tmp_path: Path) -> None:
    text = write_small(tmp_path).read_text()
    paths = [tmp_path / name for name in ("a.toml", "a.v1", "a.v2", "a.lock.x")]
    for seed, path in enumerate(paths):
        path.write_text(f"seed = {seed}\n{text}")
        calibset.build(path).lock.write(lock_path(path))
    assert [calibset.build(path, lock="require").lock_differences for path in paths] == [()] * 4


def test_a_recipe_may_be_called_a_lock(tmp_path: Path) -> None:
    path = write_small(tmp_path).rename(tmp_path / "x.lock")
    calibset.build(path).lock.write(lock_path(path))
    assert path.read_text() == RECIPE
    assert calibset.build(path, lock="require").lock_differences == ()
