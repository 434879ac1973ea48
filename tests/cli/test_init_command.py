"""The command `init`: a recipe that builds, for whatever a user names."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from calibset import load_recipe
from calibset.cli import main
from tests.chatml import write_chatml
from tests.cli.commands import error_line
from tests.own_data import say, write_own_data
from tests.storage.loopback import Loopback


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a model's folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    write_chatml(tmp_path / "model")
    return tmp_path


def write_texts(folder: Path, count: int = 12) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.txt").write_text(say(number * 9, 9), "utf-8")


def init(*words: str) -> int:
    return main(["init", *words, "--tokenizer", "model", "--nsamples=4", "--seqlen=256"])


def test_sources_that_are_left_out_leave_their_shares_to_the_others(folder: Path) -> None:
    write_texts(folder / "data")
    chats = [{"messages": [{"role": "user", "content": "REFUSE"}, {"role": "assistant", "content": "No."}]}]
    (folder / "data" / "chats.jsonl").write_text(
        "".join(json.dumps(one) + "\n" for one in chats * 9), "utf-8"
    )
    (folder / "data" / "terms.csv").write_text("text\n" + f"{say(3, 9)}\n" * 20, "utf-8")
    assert init("data", "--share", "chats=0.5", "--share", "texts=0.3") == 0
    weights = {name: source.weight for name, source in load_recipe("data.toml").sources.items()}
    assert weights == {"texts": 0.3, "terms": 0.7}


def test_a_folder_of_several_kinds_becomes_a_recipe_that_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_own_data(tmp_path)
    (tmp_path / "model").rename(tmp_path / "data" / "model")
    monkeypatch.chdir(tmp_path)
    assert main(["init", "data"]) == 0
    out = capsys.readouterr().out
    assert "not read: 2 × .docx: a Word document; save it as plain text (.txt)\n" in out
    assert "Das sind 32,5 €.<|im_end|>" in out
    assert "wrote data.toml: 81 rows of 2048 tokens\n" in out
    recipe = load_recipe("data.toml")
    assert recipe.tokenizer == "data/model"
    assert recipe.nsamples == 81
    keys = {name: source.model_dump(exclude_defaults=True) for name, source in recipe.sources.items()}
    shared = {"group": "own", "weight": 0.25, "where": ("data",)}
    assert keys == {
        "anweisungen": shared
        | {
            "files": ("anweisungen.parquet",),
            "columns": {"user": ("instruction", "input"), "assistant": ("output",)},
        },
        "chats": shared | {"files": ("chats.jsonl",)},
        "fragen": shared
        | {
            "files": ("fragen.csv",),
            "columns": {"user": ("Frage",), "assistant": ("Antwort",)},
            "delimiter": ";",
            "encoding": "cp1252",
        },
        "vertraege": shared | {"files": ("*.md", "*.txt")},
    }
    assert main(["build", "data.toml", "--quiet"]) == 0
    assert main(["verify", "data.jsonl", "--quiet"]) == 0


def test_a_recipe_that_is_there_is_kept_unless_forced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_texts(folder / "texts")
    assert init("texts", "--quiet") == 0
    line = error_line(["init", "texts"], 1, capsys)
    assert line == "texts.toml: is there already; name another with --out, or write over it with --force"
    assert init("texts", "--quiet", "--force") == 0


def test_what_a_build_writes_is_never_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder / "own"
    data.mkdir()
    for part in ("a", "b"):
        rows = [{"text": say(ord(part) + i, 3)} for i in range(30)]
        (data / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    monkeypatch.chdir(data)
    words = ["init", ".", "--tokenizer", "../model", "--nsamples=4", "--seqlen=256"]
    assert main(words) == 0
    assert load_recipe("own.toml").sources["own"].files == ("a.jsonl", "b.jsonl")
    assert main(["build", "own.toml", "--quiet"]) == 0
    capsys.readouterr()
    assert main([*words, "--out", "again.toml"]) == 0
    assert "not read: own.jsonl: was written by calibset\n" in capsys.readouterr().out
    assert load_recipe("again.toml").sources["own"].files == ("a.jsonl", "b.jsonl")


def test_shares_are_weights(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two", "three"):
        write_texts(folder / name)
    assert init("one", "two", "three", "--share", "two=0.5", "--out", "mine.toml", "--quiet") == 0
    sources = load_recipe("mine.toml").sources
    assert {name: source.weight for name, source in sources.items()} == {
        "one": 0.25,
        "two": 0.5,
        "three": 0.25,
    }
    words = ["init", "one", "--share", "four=0.5", "--out", "new.toml"]
    assert error_line(words, 2, capsys) == "--share four: no such source; there are one"


@pytest.mark.parametrize(
    ("out", "code", "message"),
    [
        ("recipe.json", 2, "--out recipe.json: must end in .toml"),
        (
            "my data.toml",
            2,
            "--out my data.toml: names the recipe, so it must be letters, digits, . _ - only",
        ),
        ("no/recipe.toml", 1, "no/recipe.toml: there is no folder no"),
    ],
)
def test_the_path_of_the_recipe_is_checked_before_data_is_read(
    out: str, code: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_texts(folder / "texts")
    assert error_line(["init", "texts", "--out", out], code, capsys) == message


def test_what_is_no_data_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "letters").mkdir()
    (folder / "letters" / "a.pdf").write_bytes(b"%PDF-1.7")
    assert error_line(["init", "letters"], 1, capsys) == (
        "nothing that a source reads was found (a.pdf: a PDF; take its text out first (pdftotext FILE.pdf))"
    )
    assert error_line(["init", "nowhere"], 2, capsys).startswith("nowhere: no such file or folder, and")


def test_conversations_that_no_row_holds_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"question": f"Was ist {i}?", "answer": say(i, 4)} for i in range(9)]
    (folder / "rows.json").write_text(json.dumps(rows), "utf-8")
    line = error_line(["init", "rows.json", "--tokenizer", "model", "--seqlen=128"], 1, capsys)
    assert line == (
        "the data gives no row of 128 tokens (rows: 9 filtered: longer than a row (its head may be a "
        "filler)); name more of it, or another --seqlen"
    )


def test_rows_are_shorter_where_the_data_is_little(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_texts(folder / "texts", 8)
    assert main(["init", "texts", "--tokenizer", "model", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["nsamples"], found["seqlen"]) == (load_recipe("texts.toml").nsamples, 512)
    assert found["notes"][0] == "the data is too little for rows of 2048 tokens, so seqlen is 512"


def test_a_terminal_is_asked_for_the_model_and_the_column(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"left": say(i, 3), "right": say(i + 50, 2)} for i in range(30)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("model\nright\n"))
    assert main(["init", "rows.jsonl", "--quiet", "--seqlen=256"]) == 0
    assert capsys.readouterr().err == (
        "Which model will be quantized? Its folder, or OWNER/NAME on the hub: "
        "rows: which column holds the text? left, right [left]: "
    )
    recipe = load_recipe("rows.toml")
    assert recipe.tokenizer == "model"
    assert recipe.sources["rows"].columns == ("right",)  # type: ignore[attr-defined]
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert init("rows.jsonl", "--quiet", "--yes", "--force") == 0
    assert capsys.readouterr().err == ""
    assert load_recipe("rows.toml").sources["rows"].columns == ("left",)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "named",
    ["them/notes", "hf://datasets/them/notes", "https://huggingface.co/datasets/them/notes/tree/main"],
)
def test_a_dataset_of_the_hub_is_read_by_its_train_split(named: str, folder: Path, hub: Loopback) -> None:
    rows = "".join(json.dumps({"prompt": f"Was ist {i}?", "completion": say(i, 1)}) + "\n" for i in range(30))
    hub.repositories["them/notes"] = {
        "README.md": b"# Notes",
        "data/test-0.jsonl": b'{"prompt": "Never?", "completion": "Never."}\n',
        "data/train-0.jsonl": rows.encode(),
    }
    assert init(named, "--quiet") == 0
    source = load_recipe("notes.toml").sources["train-0"]
    assert source.where == ("hf://datasets/them/notes",)
    assert source.files == ("data/train-0.jsonl",)
    assert source.gives == "conversations"


def write_configs(hub: Loopback, default: str = "") -> None:
    rows = {
        name: "".join(
            json.dumps({"prompt": f"{name} {i}?", "completion": say(i, 1)}) + "\n" for i in range(30)
        )
        for name in ("de", "en")
    }
    card = "configs:\n" + "".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: rows/{name}-a.jsonl\n"
        f"  - split: test\n    path: rows/{name}-b.jsonl\n" + "  default: true\n" * (name == default)
        for name in rows
    )
    hub.repositories["them/talks"] = {"README.md": f"---\n{card}---\n# Talks\n".encode()} | {
        f"rows/{name}-{part}.jsonl": text.encode() for name, text in rows.items() for part in "ab"
    }


@pytest.mark.parametrize(
    ("named", "default", "config", "other"),
    [
        ("them/talks", "", "de", "en"),
        ("them/talks", "en", "en", "de"),
        ("https://huggingface.co/datasets/them/talks/viewer/en/train", "", "en", "de"),
    ],
)
def test_of_several_configurations_one_is_read(  # noqa: PLR0917
    named: str, default: str, config: str, other: str, folder: Path, hub: Loopback,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write_configs(hub, default)
    assert init(named) == 0
    assert (
        f"note: hf://datasets/them/talks: its configuration {config} is read, and not {other}; "
        "`calibset init https://huggingface.co/datasets/them/talks/viewer/CONFIGURATION` reads another\n"
    ) in capsys.readouterr().out
    (source,) = load_recipe("talks.toml").sources.values()
    assert source.files == (f"rows/{config}-a.jsonl",)
    assert "the splits test are not read" in Path("talks.toml").read_text("utf-8")


def test_a_terminal_is_asked_for_the_configuration(
    folder: Path, hub: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_configs(hub)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("en\n"))
    assert init("them/talks", "--quiet") == 0
    question = "hf://datasets/them/talks: which configuration? de, en [de]: "
    assert capsys.readouterr().err == question
    (source,) = load_recipe("talks.toml").sources.values()
    assert source.files == ("rows/en-a.jsonl",)
    monkeypatch.setattr("sys.stdin", Terminal("fr\n"))
    assert main(["init", "them/talks", "--force", "--tokenizer", "model"]) == 2
    assert capsys.readouterr().err == (
        f"{question}calibset: hf://datasets/them/talks: no configuration 'fr'; there are de, en\n"
    )


def test_a_configuration_that_is_not_there_is_an_error(
    folder: Path, hub: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    write_configs(hub)
    words = ["init", "https://huggingface.co/datasets/them/talks/viewer/fr", "--tokenizer", "model"]
    assert "there is no configuration 'fr': name one" in error_line(words, 1, capsys)


def test_a_split_that_is_not_there_is_an_error(
    folder: Path, hub: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    write_configs(hub)
    words = ["init", "https://huggingface.co/datasets/them/talks/viewer/de/dev", "--tokenizer", "model"]
    assert "there is no split 'dev'; there are test, train" in error_line(words, 1, capsys)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("default/test", "there is no split 'test'; there are train"),
        ("fr/train", "there is no configuration 'fr': neither its card nor a file's name has it"),
    ],
)
def test_without_a_card_what_no_name_tells_of_is_an_error(
    address: str, message: str, folder: Path, hub: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repositories["them/plain"] = {"rows.jsonl": b'{"text": "Dobry den."}\n' * 9}
    words = ["init", f"https://huggingface.co/datasets/them/plain/viewer/{address}", "--tokenizer", "model"]
    assert message in error_line(words, 1, capsys)


@pytest.mark.slow
def test_files_late_in_a_repository_are_looked_at(
    folder: Path, hub: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    row = json.dumps({"prompt": "Was gilt?", "completion": say(1, 1)}) + "\n"
    text = json.dumps({"text": say(3, 40)}) + "\n"
    hub.repositories["them/many"] = {f"a-{i:02}.jsonl": (row * 9).encode() for i in range(40)} | {
        f"b-{i:02}.jsonl": (text * 9).encode() for i in range(3)
    }
    assert init("them/many") == 0
    assert (
        "note: hf://datasets/them/many: 19 of 43 files were looked at; the others are taken to be like those "
        "before them\n"
    ) in capsys.readouterr().out
    sources = load_recipe("many.toml").sources.values()
    assert [source.gives for source in sources] == ["conversations", "texts"]
    assert [source.files for source in sources] == [("a-*.jsonl",), ("b-0*.jsonl",)]


def test_for_a_quantizer_with_a_form_of_its_own_the_file_is_exported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_texts(folder / "texts")
    assert init("texts", "--for", "llama.cpp") == 0
    *_, plan, build, export = capsys.readouterr().out.splitlines()
    for command in (plan, build, export):
        program, *words = command.split()
        assert program == "calibset"
        assert main(words) == 0, command
    assert (folder / "texts.llama.cpp.txt").is_file()


def test_links_out_of_a_folder_are_named_and_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_texts(folder / "texts")
    (folder / "secret.txt").write_text(say(1, 9), "utf-8")
    (folder / "texts" / "link.txt").symlink_to(folder / "secret.txt")
    assert init("texts") == 0
    assert "not read: link.txt: a symbolic link that is not followed\n" in capsys.readouterr().out
    assert main(["build", "texts.toml", "--quiet"]) == 0


def test_an_encoding_that_no_letter_told_is_written_down(folder: Path) -> None:
    (folder / "a.csv").write_text(
        "text\n" + f"{say(1, 9)}\n".encode("ascii", "ignore").decode() * 2000, "utf-8"
    )
    assert init("a.csv") == 0
    assert 'encoding = "utf-8"                           # guessed from the first lines' in Path(
        "a.toml"
    ).read_text("utf-8")
