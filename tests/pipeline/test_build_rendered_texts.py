"""Texts that a chat template has rendered already, from a corpus to rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.verify import verify
from calibset.pipeline.build import build
from calibset.pipeline.check import check
from calibset.recipe.loader import load_recipe
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.chatml import write_chatml
from tests.letters import write_letters

RECIPE = """\
name = "rendered"
nsamples = 4
seqlen = 400
tokenizer = "model"
hygiene.duplicates = "keep"
groups.all = 1.0
[sources.texts]
group = "all"
type = "jsonl"
where = "texts.jsonl"
"""
KEEP = 'control_tokens="keep"'
TEKKEN = ("tokenizer=mistral-small-3.2", "seqlen=96")


def turn(number: int) -> tuple[str, str]:
    return f"What does hail number {number} cost?", f"It costs {number * 7} euros a year, number {number}."


def mistral(number: int) -> str:
    question, answer = turn(number)
    return f"<s>[INST]{question}[/INST]{answer}</s>"


def chatml(number: int) -> str:
    question, answer = turn(number)
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n"


def opened_chatml(number: int) -> str:
    return f"<s>{chatml(number)}"


def page(number: int) -> str:
    question, answer = turn(number)
    return f"{question} {answer} " * 4


def write_texts(folder: Path, texts: list[str]) -> Path:
    lines = (json.dumps({"text": text}) + "\n" for text in texts)
    (folder / "texts.jsonl").write_text("".join(lines))
    return write_recipe(folder)


def write_recipe(folder: Path, recipe: str = RECIPE) -> Path:
    """Write a recipe, and the model that its rows are for, whose tokenizer adds ``<s>``."""
    (folder / "model").mkdir()
    write_chatml(folder / "model", bos=True)
    (folder / "recipe.toml").write_text(recipe)
    return folder / "recipe.toml"


def built(recipe: Path, *overrides: str) -> CalibrationSet:
    return build(load_recipe(recipe, overrides=overrides))


def hints(made: CalibrationSet) -> list[str]:
    return [note for note in made.notes if note.startswith("texts: ")]


def require_read_as_in_service(made: CalibrationSet, texts: list[str], tokenizer: Tokenizer) -> None:
    """Make sure that each text which a row holds whole has the ids there that it has alone."""
    alone = {f"texts.jsonl#{n}": tokenizer.encode(text, parse_special=True) for n, text in enumerate(texts)}
    for sample in made:
        read = [*tokenizer.prefix, *sample.token_ids]
        for span in sample.documents:
            if span.whole:
                ids = alone[span.document]
                assert any(read[at : at + len(ids)] == ids for at in range(len(read)))


def test_kept_control_tokens_leave_the_opening_bos_to_the_tokenizer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [mistral(number) for number in range(60)]
    recipe = write_texts(tmp_path, texts)
    made = built(recipe, KEEP, *TEKKEN)
    (source,) = made.manifest.sources
    assert source.leading_bos_removed == source.documents_read > 8
    cut = sum(not all(span.whole for span in sample.documents) for sample in made)
    assert cut >= 3
    assert source.control_tokens_neutralised == 0
    assert hints(made) == [
        "texts: texts that a chat template has rendered are cut where a row ends, and their turns are not "
        f"counted: {cut} of 4 rows begin or end inside one; conversations given with "
        'type = "chat" are packed whole'
    ]
    for sample in made:
        assert not sample.text.startswith("<s>")
        assert "</s><s>[INST]" in sample.text
    require_read_as_in_service(made, texts, load_tokenizer("mistral-small-3.2"))
    found = verify(made.write(tmp_path / "out.jsonl"))
    assert (found.kept, found.passed) == (4, True)
    keys = [f"--set={key}" for key in (KEEP, *TEKKEN)]
    assert main(["build", str(recipe), *keys, "--out", str(tmp_path / "out.jsonl")]) == 0
    assert (
        f"leading BOS: {source.leading_bos_removed} taken off texts, since the tokenizer adds one to each row"
        in capsys.readouterr().out.splitlines()
    )


def test_two_bos_are_both_taken_off_and_told(tmp_path: Path) -> None:
    texts = ["<s>" + opened_chatml(number) for number in range(60)]
    made = built(write_texts(tmp_path, texts), KEEP)
    (source,) = made.manifest.sources
    count = source.documents_read
    assert source.leading_bos_removed == 2 * count
    assert hints(made)[:1] == [
        f"texts: {count} of {count} texts began with more than one <s>, and all were taken off"
    ]
    assert not [sample for sample in made if "<s><s>" in sample.text or sample.text.startswith("<s>")]


@pytest.mark.parametrize("bos", [True, False])
def test_a_template_that_ends_a_turn_with_a_line_end_is_joined_by_it(tmp_path: Path, bos: bool) -> None:
    texts = [opened_chatml(number) if bos else chatml(number) for number in range(60)]
    recipe = write_texts(tmp_path, texts)
    write_chatml(tmp_path / "model", bos=bos)
    made = built(recipe, KEEP)
    (source,) = made.manifest.sources
    assert source.leading_bos_removed == (source.documents_read if bos else 0)
    for sample in made:
        assert f"<|im_end|>\n{'<s>' * bos}<|im_start|>user" in sample.text
        assert "\n\n" not in sample.text
    tokenizer = load_tokenizer(str(tmp_path / "model"))
    require_read_as_in_service(made, [text.rstrip() for text in texts], tokenizer)


@pytest.mark.parametrize("bos", [True, False])
def test_bos_is_taken_off_where_the_tokenizer_adds_it(tmp_path: Path, bos: bool) -> None:
    write_letters(tmp_path, bos=bos)
    texts = [f"<s>{page(number).strip()}</s>" for number in range(60)]
    made = built(write_texts(tmp_path, texts), KEEP, "tokenizer=tokenizer.json", "seqlen=700")
    assert (made.manifest.sources[0].leading_bos_removed > 0) == bos
    # A row may begin inside a text.
    assert any(sample.text.startswith("<s>") for sample in made) != bos
    assert all("</s><s>What" in sample.text for sample in made)
    require_read_as_in_service(made, texts, load_tokenizer(str(tmp_path / "tokenizer.json")))


@pytest.mark.parametrize(
    ("write", "keys", "expected"),
    [
        (
            opened_chatml,
            (),
            "{0} of {0} texts look as if a chat template had rendered them (<|im_start|>), and their control "
            'tokens are broken apart: give their conversations with type = "chat", or set control_tokens = '
            '"keep"',
        ),
        (
            mistral,
            (KEEP,),
            "{0} of {0} texts look as if another model's chat template had rendered them ([INST]), which "
            'model reads as letters: give their conversations with type = "chat"',
        ),
        (
            lambda number: f"{page(number)}</s>",
            (),
            "{0} of {0} texts look as if a chat template had rendered them (</s>), and their control tokens "
            'are broken apart: give their conversations with type = "chat", or set control_tokens = "keep"',
        ),
        (page, (), None),
        (lambda number: f"<unk> {page(number)} </s> <s> <unk>", (), None),
    ],
)
def test_a_note_says_that_texts_are_rendered_already(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    write: Callable[[int], str],
    keys: tuple[str, ...],
    expected: str | None,
) -> None:
    recipe = write_texts(tmp_path, [write(number) for number in range(60)])
    made = built(recipe, *keys)
    (source,) = made.manifest.sources
    notes = [] if expected is None else [f"texts: {expected.format(source.documents_read)}"]
    assert hints(made) == notes
    assert sum(source.rendered_texts.values()) == (source.documents_read if expected else 0)
    assert main(["check", str(recipe), *(f"--set={key}" for key in keys)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("note: ")] == (
        [] if expected is None else [f"note: texts: {expected.format(60)}"]
    )


@pytest.mark.parametrize(("rendered", "is_noted"), [(5, False), (6, True)])
def test_a_tenth_of_the_texts_must_be_so(tmp_path: Path, rendered: int, is_noted: bool) -> None:
    texts = [chatml(number) for number in range(rendered)]
    recipe = write_texts(tmp_path, texts + [page(number) for number in range(rendered, 60)])
    (checked,) = check(recipe)
    assert dict(checked.stats.repairs.rendered) == {"<|im_start|>": rendered}
    assert bool(checked.notes) == is_noted


def write_csv(folder: Path, texts: list[str]) -> str:
    import csv

    with (folder / "a.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["text"], *([text] for text in texts)])
    return "a.csv"


def write_parquet(folder: Path, texts: list[str]) -> str:
    import pyarrow as pa
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.table({"text": texts}), folder / "a.parquet")
    return "a.parquet"


def write_plain(folder: Path, texts: list[str]) -> str:
    (folder / "a.txt").write_text("\n----\n".join(texts))
    return "a.txt"


@pytest.mark.parametrize(
    ("kind", "write", "keys"),
    [("csv", write_csv, ""), ("parquet", write_parquet, ""), ("text", write_plain, 'separator = "----"')],
)
def test_every_adapter_of_texts_is_treated_alike(
    tmp_path: Path, kind: str, write: Callable[[Path, list[str]], str], keys: str
) -> None:
    texts = [opened_chatml(number) for number in range(60)]
    where = write(tmp_path, texts)
    recipe = write_recipe(tmp_path, RECIPE.replace("jsonl", kind, 1).replace("texts.jsonl", where) + keys)
    made = built(recipe, KEEP)
    assert made.manifest.sources[0].leading_bos_removed == made.manifest.sources[0].documents_read
    assert all("<s><|im_start|>user" in sample.text for sample in made)
    (note,) = hints(built(recipe))
    assert "look as if a chat template had rendered them (<|im_start|>)" in note
