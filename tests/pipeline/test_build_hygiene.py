"""Recipes with hygiene, evaluation sets and a selection, from corpora on disk to files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import calibset
from calibset.cli import main
from calibset.core.errors import LockError, SourceError
from calibset.dataset.calibration_file import row_bytes
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.lockfile import lock_path
from calibset.dataset.source_reports import SourceReport
from calibset.hygiene.deduplication import DuplicateIndex
from calibset.hygiene.words import split_words
from calibset.recipe.loader import load_recipe
from tests.chatml import write_chatml
from tests.prose import prose, reworded, write_recipe, write_rows
from tests.small import write_small

COOKIES = "We use cookies on this page so that it works as it should."
CZECH = "Pojišťovna poskytne pojistné plnění do patnácti dnů po skončení šetření pojistné události."
SLOVAK = "Poistná zmluva sa uzatvára na dobu neurčitú, ak sa zmluvné strany výslovne nedohodli inak."
EVALUATION = '[[exclude]]\nname = "quiz"\ntype = "jsonl"\nwhere = "quiz"\nlicence = "CC0-1.0"\n'


def built(path: Path, *overrides: str) -> CalibrationSet:
    return calibset.build(load_recipe(path, overrides=overrides))


def report(made: CalibrationSet, name: str = "one") -> SourceReport:
    (found,) = (source for source in made.manifest.sources if source.name == name)
    return found


def left_out(source: SourceReport) -> dict[str, int]:
    """Return what hygiene left out of a source, by reason."""
    return {why: count for why, count in source.filtered.items() if not why.startswith("too little left")}


def shown(made: CalibrationSet, name: str) -> set[str]:
    """Return the ids of the documents of a source that stand in rows."""
    return {span.document for sample in made if sample.source == name for span in sample.documents}


def runs(text: str, length: int = 13) -> set[tuple[str, ...]]:
    found = split_words(text)
    return {tuple(found[start : start + length]) for start in range(len(found) - length + 1)}


# --- duplicates ---------------------------------------------------------------------------

WEB = [prose(number) for number in range(6)]
# Two documents of its own, one that repeats the first source's third, and one nearly its fifth.
WIKI = [prose(10), f"<b>{WEB[2].upper()}</b>", reworded(WEB[4]), prose(11)]


@pytest.fixture(scope="module")
def repeating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("repeating"), "", web=WEB, wiki=WIKI)


def test_a_full_index_of_duplicates_is_told(repeating: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = built(repeating)
    assert (roomy.manifest.not_compared, "not_compared" in roomy.manifest.to_json()) == (0, False)
    monkeypatch.setattr(
        "calibset.pipeline.evaluation_sets.DuplicateIndex", partial(DuplicateIndex, most_bytes=2_000)
    )
    full = built(repeating)
    count = full.manifest.not_compared
    assert 0 < count <= len(WEB) + len(WIKI)
    assert (
        f"duplicates: the index is full, and {count} documents did not fit in, so texts that repeat these "
        "may be in the file"
    ) in full.notes
    assert json.loads(full.manifest.to_json())["not_compared"] == count
    (*_, last) = calibset.check(repeating)
    assert last.notes == (
        "duplicates: the index is full, and 8 documents did not fit in, so texts that repeat these are "
        "counted as documents",
    )
    recipe = load_recipe(repeating)
    full.lock.write(lock_path(repeating))
    try:
        with pytest.raises(LockError) as caught:
            calibset.build(recipe, lock="require")
    finally:
        lock_path(repeating).unlink()
    assert str(caught.value) == (
        f"{recipe.name}: the index of duplicates is full, and {count} documents did not fit in, so texts "
        "that repeat these may be in the file; nothing was written: ask for fewer rows (nsamples, "
        'selection.pool), or set hygiene.duplicates = "exact" or "keep" for large sources'
    )


@pytest.mark.parametrize(
    ("kind", "repeats"),
    [
        (
            "near",
            {
                "a.jsonl#1": ("repeats", "a.jsonl#2", 1.0),
                "a.jsonl#2": ("nearly repeats", "a.jsonl#4", 0.9268),
            },
        ),
        ("exact", {"a.jsonl#1": ("repeats", "a.jsonl#2", 1.0)}),
        ("keep", {}),
    ],
)
def test_what_repeats_another_sources_document_is_left_out_and_the_manifest_says_for_which(
    repeating: Path, kind: str, repeats: dict[str, tuple[str, str, float]]
) -> None:
    made = built(repeating, f"hygiene.duplicates={kind}")
    found = report(made, "wiki")
    assert {one.document: (one.source, one.kept, one.similarity) for one in found.duplicates} == {
        name: ("web", kept, similarity) for name, (_, kept, similarity) in repeats.items()
    }
    assert left_out(found) == {f"{how} a document before it": 1 for how, _, _ in repeats.values()}
    assert shown(made, "wiki") == {f"a.jsonl#{number}" for number in range(4)} - repeats.keys()
    assert report(made, "web").duplicates == ()
    assert found.documents_read == 4 - len(repeats)
    details = {one.position: one.detail for one in made.filtered["wiki"] if "repeats" in one.reason}
    assert details == {name: f"web: {kept} ({same:.2f})" for name, (_, kept, same) in repeats.items()}


def test_a_source_may_keep_its_own(repeating: Path) -> None:
    made = built(repeating, "sources.wiki.hygiene.duplicates=keep")
    assert report(made, "wiki").duplicates == ()
    assert made.manifest.recipe["hygiene"]["duplicates"] == "near"
    assert made.manifest.recipe["sources"]["wiki"]["hygiene"]["duplicates"] == "keep"
    assert made.manifest.recipe["sources"]["web"]["hygiene"]["duplicates"] == "near"


def exchange(question: str, answer: str, system: str = "") -> dict[str, object]:
    turns = [("system", system)] * bool(system) + [("user", question), ("assistant", answer)]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def test_conversations_are_compared_by_turns_without_tools_and_system_prompt(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "model").mkdir()
    write_chatml(tmp_path / "model")
    tool = {"name": "get", "description": prose(50, 10), "parameters": {"type": "object", "properties": {}}}
    talks = [
        exchange(prose(1, 10), prose(2, 10)),
        *(
            {**exchange(prose(number, 10), prose(number + 1, 10), system="Be brief."), "tools": [tool]}
            for number in range(1, 20, 2)
        ),
    ]
    made = built(write_recipe(tmp_path, 'tokenizer = "model"', talk=talks), "seqlen=512")
    (found,) = report(made, "talk").duplicates
    assert {found.document, found.kept} == {"a.jsonl#0", "a.jsonl#1"}
    assert (found.source, found.similarity) == ("talk", 1.0)
    assert report(made, "talk").documents_read == 10


# --- what is mended, and what else is left out --------------------------------------------


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe whose source has something of everything."""
    folder = tmp_path_factory.mktemp("mixed")
    texts = [
        *(f"{SLOVAK}\n{COOKIES}\n{SLOVAK} {number}" for number in range(7)),
        f"{CZECH} {CZECH}",
        f"{SLOVAK} Lorem ipsum. {SLOVAK}",
        f"Zmluvn\u00c3\u00a9 podmienky \ufeff. {SLOVAK} {SLOVAK}",
        f"Volajte 0905 123 456 a p\u00ed\u0161te na jan@posta.sk, eva@posta.sk. {SLOVAK} {SLOVAK}",
    ]
    return write_recipe(folder, 'hygiene.duplicates = "keep"', one=texts)


def test_characters_are_mended_and_the_manifest_counts_documents(mixed: Path) -> None:
    made = built(mixed)
    assert report(made).repaired == {"invisible": 1, "mojibake": 1}
    plain = built(mixed, "hygiene.repairs=[]")
    assert report(plain).repaired == {}
    broken = ("\u00c3\u00a9", "\ufeff")
    assert not any(mark in text for text in texts_of(made) for mark in broken)
    assert all(any(mark in text for text in texts_of(plain)) for mark in broken)


def test_texts_in_other_languages_are_left_out(mixed: Path) -> None:
    made = built(mixed, 'sources.one.hygiene.languages="sk"')
    assert left_out(report(made)) == {"in cs, not in an expected language": 1}
    assert not any("Pojišťovna" in sample.text for sample in made)
    assert any("Pojišťovna" in sample.text for sample in built(mixed))


def test_texts_that_a_filter_stops_are_left_out(mixed: Path) -> None:
    made = built(mixed, 'hygiene.filters=["filler", "symbols"]')
    assert left_out(report(made)) == {"filler text": 1}
    assert not any("Lorem" in sample.text for sample in made)


def test_lines_that_stand_in_every_document_are_taken_out(mixed: Path) -> None:
    made, plain = (built(mixed, f"hygiene.boilerplate={wanted}") for wanted in ("true", "false"))
    # Seven documents have two such lines, and five of them keep theirs.
    assert report(made).boilerplate_lines == 2 * 2
    assert report(plain).boilerplate_lines == 0
    assert [sum(text.count("cookies") for text in texts_of(one)) for one in (made, plain)] == [5, 7]


def texts_of(made: CalibrationSet) -> set[str]:
    """Return the rows of a set without repeats."""
    return {sample.text for sample in made}


def test_personal_data_is_masked_or_its_document_left_out(mixed: Path) -> None:
    kept, masked, dropped = (built(mixed, f"hygiene.pii={what}") for what in ("keep", "mask", "drop"))
    assert any("jan@posta.sk" in sample.text for sample in kept)
    assert report(kept).personal_data == {}
    assert report(masked).personal_data == {"e-mail": 2, "phone number": 1}
    texts = "\n".join(sample.text for sample in masked)
    assert "píšte na name@example.com, name@example.com." in texts
    assert "posta.sk" not in texts
    assert left_out(report(dropped)) == {"holds personal data": 1}
    assert not any("Volajte" in sample.text for sample in dropped)
    details = {
        one.position: one.detail for one in dropped.filtered["one"] if one.reason == "holds personal data"
    }
    assert details == {"a.jsonl#10": "2 e-mails, 1 phone number"}


# --- evaluation sets ----------------------------------------------------------------------

QUIZ = [prose(90, 30), prose(91, 30)]
# One that quotes the quiz in its middle, one that is taken from it, and four others.
TAINTED = [
    f"{prose(1)} {QUIZ[0]} {prose(2)}",
    QUIZ[1].upper(),
    *(prose(number) for number in range(3, 7)),
]


@pytest.fixture(scope="module")
def tainted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tainted")
    write_rows(folder / "quiz", [{"text": text} for text in QUIZ])
    return write_recipe(folder, EVALUATION, one=TAINTED)


@pytest.mark.parametrize(("matches", "tokens"), [("drop", 0), ("cut", 1)])
def test_no_part_of_an_evaluation_set_stands_in_the_file(tainted: Path, matches: str, tokens: int) -> None:
    made = built(tainted, f"decontamination.matches={matches}")
    quiz = set().union(*map(runs, QUIZ))
    assert not any(quiz & runs(sample.text) for sample in made)
    assert any(quiz & runs(text) for text in TAINTED)
    assert ("a.jsonl#0" in shown(made, "one")) == bool(tokens)
    assert "a.jsonl#1" not in shown(made, "one")
    found = {one.document: one for one in report(made).contaminated}
    assert {name: (one.exclude, one.passage, one.words) for name, one in found.items()} == {
        "a.jsonl#0": ("quiz", "a.jsonl#0", 30),
        "a.jsonl#1": ("quiz", "a.jsonl#1", 30),
    }
    assert found["a.jsonl#1"].excerpt == " ".join(split_words(QUIZ[1]))[:200]
    assert report(made).filtered["holds a part of an evaluation set"] == 2 - tokens


def test_the_manifest_says_which_evaluation_sets_were_kept_out(tainted: Path) -> None:
    (found,) = built(tainted).manifest.evaluations
    assert found.model_dump() == {
        "name": "quiz",
        "type": "jsonl",
        "location": "quiz",
        "revision": None,
        "licence": "CC0-1.0",
        "documents": 2,
        "words": 60,
        "too_short": 0,
        "rejections": {},
        "filtered": {},
        "matched": 2,
    }


def test_an_evaluation_set_is_locked_like_a_source(tainted: Path) -> None:
    locked = built(tainted).lock.sources
    assert locked["quiz"].files["a.jsonl"].size == (tainted.parent / "quiz" / "a.jsonl").stat().st_size


def test_an_evaluation_set_that_is_not_there_fails_build_and_check(tainted: Path) -> None:
    recipe = load_recipe(tainted)
    gone = recipe.exclude["quiz"].model_copy(update={"where": ("gone",)})
    recipe = recipe.model_copy(update={"exclude": {"quiz": gone}})
    (planned,) = calibset.plan(recipe).evaluations
    assert (planned.name, planned.quota) == ("quiz", 0)
    assert planned.problem is not None
    for run in (calibset.build, calibset.check):
        with pytest.raises(SourceError) as caught:
            run(recipe)
        assert str(caught.value) == f"exclude.quiz: {planned.problem}"


# --- which rows ---------------------------------------------------------------------------

SELECTION = 'selection = { method = "coverage", pool = 3, letters = "ľx", terms_of = "terms" }'


@pytest.fixture(scope="module")
def choosing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("choosing")
    texts = [prose(number, 30) for number in range(60)]
    for number in range(0, 60, 6):
        texts[number] = f"Ľalia ľaliová. {texts[number]}"
        texts[number + 1] = reworded(texts[number + 1])
    terms = [
        {"text": prose(number, 30), "title": title} for number, title in ((70, "Otherwise"), (71, "Hail"))
    ]
    return write_recipe(folder, SELECTION, web=texts, terms=terms)


def test_rows_that_cover_most_are_chosen_from_the_pool(choosing: Path) -> None:
    made = built(choosing)
    plain = built(choosing, 'selection={ method = "random" }')
    selection = made.manifest.selection
    assert selection is not None
    assert selection.method == "coverage"
    assert selection.pool == sum(source.pool for source in made.manifest.sources)
    assert report(made, "web").pool == 3 * report(made, "web").achieved
    assert plain.manifest.selection is None
    assert report(plain, "web").pool == report(plain, "web").achieved
    assert row_bytes(made) != row_bytes(plain)
    assert [s.achieved for s in made.manifest.sources] == [s.achieved for s in plain.manifest.sources]
    assert selection.distinct_tokens == len({token for ids in made.input_ids for token in ids})


def test_must_cover_terms_are_reported(choosing: Path) -> None:
    selection = built(choosing).manifest.selection
    assert selection is not None
    # Of the control tokens only <s>, which stands before each row.
    assert selection.terms_met == ("<s>", "ľ", "Otherwise")
    assert selection.terms_missed == ()
    assert selection.terms_absent == ("x", "Hail")


# --- the same each time -------------------------------------------------------------------


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with all of it at once."""
    folder = tmp_path_factory.mktemp("everything")
    write_rows(folder / "quiz", [{"text": text} for text in QUIZ])
    lines = (
        'hygiene = { boilerplate = true, pii = "mask", filters = "symbols", languages = "sk"'
        ", language_score = 0 }\n"
        'decontamination.matches = "cut"\n'
        'selection = { method = "coverage", pool = 2, letters = "áľ" }\n'
        f"holdout.nsamples = 4\n{EVALUATION}"
    )
    near = [reworded(prose(number, 30)) for number in range(5)]
    ones = [f"Píšte na jan{number}@posta.sk. {prose(number, 30)}" for number in range(40)]
    return write_recipe(
        folder, lines, one=[*ones, *TAINTED], two=[*near, *(prose(n, 30) for n in range(50, 90))]
    )


def test_the_same_recipe_gives_the_same_bytes(everything: Path) -> None:
    first, second = built(everything), built(everything)
    assert row_bytes(first) == row_bytes(second)
    assert first.manifest.to_json() == second.manifest.to_json()
    assert first == second


@pytest.mark.slow
def test_so_does_another_process(everything: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    script = "import sys, calibset; calibset.build(sys.argv[1]).write(sys.argv[2])"
    subprocess.run(
        [sys.executable, "-c", script, str(everything), str(out)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "4321", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        cwd=tmp_path,
    )
    made = built(everything)
    assert made.holdout is not None
    assert out.read_bytes() == row_bytes(made)
    assert (tmp_path / "out.manifest.json").read_text("utf-8") == made.manifest.to_json()
    assert (tmp_path / "out.holdout.jsonl").read_bytes() == row_bytes(made.holdout)
    assert (tmp_path / "out.holdout.manifest.json").read_text("utf-8") == made.holdout.manifest.to_json()


def test_what_it_took_is_on_record_but_not_in_the_manifest(everything: Path) -> None:
    made = built(everything)
    assert list(made.seconds) == [
        "repairs",
        "filters",
        "languages",
        "decontamination",
        "personal data",
        "duplicates",
        "boilerplate",
        "selection",
    ]
    assert all(seconds > 0 for seconds in made.seconds.values())

    def keys(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from value
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from keys(item)

    for one in (made, made.holdout):
        assert one is not None
        found = set(keys(json.loads(one.manifest.to_json())))
        assert not {key for key in found if "second" in key or "time" in key or "date" in key}


# --- the command line -----------------------------------------------------------------------


def left_out_lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_a_build_that_fails_writes_what_was_left_out(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = ["--set", "hygiene.languages=cs", "--set", "shortage=error", "--set", "nsamples=20"]
    assert main(["build", str(mixed), "--rejects", "left.jsonl", "--quiet", *overrides]) == 1
    assert "left out: of one 10 filtered: in sk, not in an expected language" in capsys.readouterr().err
    found = left_out_lines(tmp_path / "left.jsonl")
    found = [line for line in found if not line["reason"].startswith("too little left")]
    assert len(found) == 10
    assert {(line["source"], line["reason"]) for line in found} == {
        ("one", "in sk, not in an expected language")
    }
    assert [path.name for path in tmp_path.iterdir()] == ["left.jsonl"]


def test_a_check_writes_what_a_build_would_leave_out(
    tainted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with (tainted.parent / "one" / "b.jsonl").open("w") as stream:
        stream.write(f"{{\n{json.dumps({'text': TAINTED[5]})}\n")
    try:
        assert main(["check", str(tainted), "--rejects", "left.jsonl"]) == 0
    finally:
        (tainted.parent / "one" / "b.jsonl").unlink()
    reasons = {(line["position"], line["reason"]) for line in left_out_lines(tmp_path / "left.jsonl")}
    (repeat,) = (place for place, reason in reasons if reason == "repeats a document before it")
    assert repeat in ("a.jsonl#5", "b.jsonl#1")
    assert reasons == {
        ("b.jsonl:1", "not valid JSON"),
        ("a.jsonl#0", "holds a part of an evaluation set"),
        ("a.jsonl#1", "holds a part of an evaluation set"),
        (repeat, "repeats a document before it"),
    }
    assert "holds a part of an evaluation set" in capsys.readouterr().out


def test_the_summary_says_what_hygiene_did(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["build", str(mixed), "--set", "hygiene.pii=mask", "--set", "hygiene.boilerplate=true"]) == 0
    out = capsys.readouterr().out
    assert "repairs: 1 invisible, 1 mojibake\n" in out
    assert "personal data: 2 e-mails, 1 phone number replaced by made-up data\n" in out
    assert "hygiene and selection took " in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--out", "x.jsonl", "--rejects", "x.jsonl"],
            "--rejects x.jsonl: x.jsonl is written by --out x.jsonl",
        ),
        (
            ["--out", "x.jsonl", "--rejects", "sub/../x.manifest.json"],
            "--rejects sub/../x.manifest.json: sub/../x.manifest.json is written by --out x.jsonl",
        ),
        (["--rejects", "recipe.toml"], "--rejects recipe.toml: recipe.toml is read by the recipe"),
    ],
)
def test_no_file_is_written_over_another(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = write_small(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(["build", recipe.name, *words]) == 2
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_manifest_that_is_built_from_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["build", write_small(tmp_path).name]) == 0
    (manifest,) = tmp_path.glob("*.manifest.json")
    capsys.readouterr()
    assert main(["build", manifest.name]) == 2
    file = manifest.name.replace(".manifest.json", ".jsonl")
    assert (
        f"{file}: {manifest.name} is read by the recipe; name another file with --out FILE"
        in capsys.readouterr().err
    )


def test_a_source_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = write_small(tmp_path)
    (own,) = (tmp_path / "fish").iterdir()
    assert main(["build", recipe.name, "--out", f"fish/{own.name}"]) == 2
    assert "is read by sources.fish; name another file" in capsys.readouterr().err
