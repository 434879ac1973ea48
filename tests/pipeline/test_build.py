from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import calibset
from calibset.core.errors import (
    MixtureError,
    QuantizerError,
    SourceError,
    TokenizerError,
)
from calibset.dataset.calibration_file import row_bytes
from calibset.dataset.manifest import Manifest
from calibset.dataset.rejects import write_rejects
from calibset.quantizers import LoadReport, RowInput
from calibset.quantizers.autoround.loader import AutoRound
from calibset.recipe.gallery import find_gallery_recipe
from calibset.recipe.loader import load_recipe
from calibset.recipe.model import Recipe
from calibset.tokenizers import Tokenizer
from tests.chatml import write_chatml
from tests.pipeline.small_builds import Heard, rows_of, small
from tests.small import write_small


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
            r'^mixture: ships gives \d of 4 rows: \d+ of 20 rows in all \(shortage = "error"\); ',
        ),
        (
            ['shortage="repeat"', "max_repeats=1"],
            {"ships": 2},
            r'\(shortage = "repeat"\); .*max_repeats >= \d',
        ),
        (['shortage="repeat"'], {"ships": 0}, r"^mixture: ships gives 0 of 4 rows: "),
        ([], {"ships": 0, "rest": 1}, r", the fill group general has no more to give: "),
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
    reasons = " (3 rejected: no column 'text'; the first such row has txet)" if content else ""
    assert str(caught.value) == f"sources.ships: ships holds no usable document{reasons}"
    (ships,) = (found for found in calibset.check(recipe) if found.name == "ships")
    assert ships.problem == str(caught.value)


def test_a_recipe_may_be_given_by_its_path(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    assert row_bytes(calibset.build(tmp_path / "recipe.toml")) == row_bytes(calibset.build(recipe))
    assert calibset.plan(str(tmp_path / "recipe.toml")).recipe == recipe


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    recipe = small(tmp_path, ships=2)
    first, second = calibset.build(recipe), calibset.build(recipe)
    assert row_bytes(first) == row_bytes(second)
    assert first.manifest.to_json() == second.manifest.to_json()
    assert row_bytes(
        calibset.build(load_recipe(tmp_path / "recipe.toml", overrides=["seed=7"]))
    ) != row_bytes(first)


@pytest.mark.parametrize("hash_seed", ["1", pytest.param("2", marks=pytest.mark.slow)])
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
        "row 3 (source fish): 1 token short of 64; please report this recipe"
    )


def test_a_build_tells_how_far_it_has_come(tmp_path: Path) -> None:
    heard = Heard()
    recipe = small(tmp_path, ships=0)
    (tmp_path / "ships" / "a.jsonl").write_text('{"text": "x"}\n')
    calibset.build(recipe, progress=heard)
    assert [call for call in heard.calls if call[0] == "fish"] == [("fish", i, 8) for i in range(1, 9)]
    assert [call for call in heard.calls if call[0] == "ships"] == [("ships", 0, 0)]
    assert heard.calls[-1] == ("rest", 4, 4)


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
        "6 of 6 rows hold control tokens, which transformers reads as plain text beside a tekken.json: "
        "give AutoRound what `calibset tokenizer` or `calibset export` writes",
    )
    assert built.input_ids[0] == (1, *built[0].token_ids[:127])
    held = calibset.build(load_recipe(tmp_path / "r.toml"), holdout={"nsamples": 3, "share": 0.4})
    assert held.notes[1] == built.notes[0].replace("6 of 6", "holdout: 3 of 3")


def test_tools_that_the_models_template_leaves_out_are_told_with_a_way_out(tmp_path: Path) -> None:
    plain = "{% for one in messages %}<|im_start|>{{ one.role }}\n{{ one.content }}<|im_end|>\n{% endfor %}"
    (tmp_path / "model").mkdir()
    write_chatml(tmp_path / "model", template=plain)
    recipe = load_recipe(
        find_gallery_recipe("quickstart"), overrides={"tokenizer": str(tmp_path / "model"), "seqlen": 2048}
    )
    with pytest.raises(SourceError) as caught:
        calibset.build(recipe)
    assert str(caught.value) == (
        "sources.toolace: samples/toolace holds no usable document (13 rejected: the chat template leaves "
        "out tools or their calls, 1 rejected: unparsable tool call; if the model isn't served with tools, "
        "take the source out (in a variant: sources.toolace = false); if it is, put the template that it is "
        "served with into its folder)"
    )


def test_too_many_unreadable_records_fail_the_build(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    file = tmp_path / "ships" / "a.jsonl"
    file.write_bytes(file.read_bytes() + b"{broken\n" * 30 + b'{"text": ""}\n' * 30)
    with pytest.raises(SourceError) as caught:
        calibset.build(recipe)
    assert str(caught.value).startswith("sources.ships: ")
    assert "of the records read were rejected, more than 20% (" in str(caught.value)
    assert "rejected: not valid JSON" in str(caught.value)
    assert "filtered" not in str(caught.value)
    assert str(caught.value).endswith("; to allow more, raise sources.ships.max_rejected")
    for key in ("max_rejected", "sources.ships.max_rejected"):
        allowed = calibset.build(load_recipe(tmp_path / "recipe.toml", overrides=[f"{key}=1"]))
        assert len(allowed) == 20


@pytest.mark.slow
def test_a_book_in_one_file_is_told_to_be_split(tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "whole.txt").write_text("A chapter of the book.\n***\n" * 2**20)
    keys = ["sources.trees.type=text", "sources.trees.where=books"]
    message = (
        "1 rejected: record too long; a record may have 16 MiB; name the line that stands between documents "
        "with separator = …"
    )
    with pytest.raises(SourceError, match=re.escape(message)):
        calibset.build(load_recipe(tmp_path / "recipe.toml", overrides=keys))


def test_a_build_that_fails_of_an_encoding_names_the_one_that_the_file_seems_to_have(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    row = '{"text": "Ľudia žijú pri rieke, ktorá tečie na juh; škoda, že často mení šírku."}\n'
    (tmp_path / "ships" / "b.jsonl").write_bytes(row.encode("cp1250") * 30)
    with pytest.raises(SourceError) as caught:
        calibset.build(recipe)
    assert "rejected: not valid UTF-8" in str(caught.value)
    assert "b.jsonl is perhaps cp1250; name the right one with encoding = …)" in str(caught.value)


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


@pytest.mark.parametrize(
    ("quantizer", "product"),
    [("llama.cpp", "llama.cpp imatrix"), ("autoawq", "AutoAWQ"), ("autoround", None)],
)
def test_a_note_says_what_the_quantizer_is_given(tmp_path: Path, quantizer: str, product: str | None) -> None:
    built = calibset.build(load_recipe(write_small(tmp_path), overrides=[f"quantizer={quantizer}"]))
    note = f"{product} keeps the rows that `calibset export FILE --for {quantizer}` writes: give it those"
    assert built.notes == ((note,) if product else ())


def test_tokens_without_an_embedding_are_noted(tmp_path: Path) -> None:
    recipe = write_small(tmp_path)
    (tmp_path / "config.json").write_text('{"vocab_size": 100}')
    (note,) = calibset.build(recipe).notes
    assert (
        " have no embedding in the model, whose config.json says vocab_size 100; 20 of 20 rows hold " in note
    )
    (tmp_path / "config.json").write_text('{"vocab_size": 257}')
    assert calibset.build(recipe).notes == ()


def test_what_an_older_transformers_puts_before_rows_is_noted(tmp_path: Path) -> None:
    recipe = write_small(tmp_path)
    config = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (note,) = (note for note in calibset.build(recipe).notes if note.startswith("transformers before 5"))
    assert note.endswith(
        "; use transformers 5, or set add_bos_token and add_eos_token in tokenizer_config.json"
    )
    ids = calibset.build(load_recipe(recipe, overrides=["quantizer=gptqmodel"]))
    assert not any(note.startswith("transformers before 5") for note in ids.notes)
