# ruff: noqa: E501  (XML is easier to read in lines of its own)
"""Nothing outside a source's location is read, whatever its files name and in whatever way.

Each trap is a corpus whose author wants a file of the user's, or what a server answers that only the user
reaches: both hold a word that nothing else holds. It is built with every output that there is, and the word is
looked for in all of them, in what is printed, and in the cache.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from calibset.cli import main
from calibset.core.errors import CalibsetError
from calibset.sources import ADAPTERS, get_adapter
from calibset.sources.base import wrap_errors
from calibset.storage.local import LocalReader
from calibset.storage.read_tracker import TrackedReader
from calibset.tokenizers import load_tokenizer
from tests.chatml import TEMPLATE, write_chatml
from tests.sources.test_contract import CORPORA
from tests.storage.loopback import Loopback

WORD = "Canarywordofnothingelse"

RECIPE = """\
name = "bait"
nsamples = 6
seqlen = 48
tokenizer = "model"
max_rejected = 1.0
shortage = "redistribute"
fill = "plain"
[groups]
baits = 1.0
[holdout]
nsamples = 2
[sources.plain]
group = "plain"
type = "jsonl"
where = "plain.jsonl"
"""


@dataclass(frozen=True)
class Outside:
    """What a trap names: a file outside the location in several forms, and a server.

    Attributes:
        folder: The folder of the files, each of which holds the word.
        url: A server's address, at which each of them is too.
    """

    folder: Path
    url: str

    def ways(self, name: str) -> dict[str, str]:
        """Return all ways of naming a file from a folder beside the one of the files."""
        path = self.folder / name
        return {
            "absolute": str(path),
            "steps up": f"../{self.folder.name}/{name}",
            "steps down and up": f"x/../../{self.folder.name}/{name}",
            "file URL": f"file://{path}",
            "short file URL": f"file:{path}",
            "http": f"{self.url}/{name}",
            "chain": f"zip://{name}::file://{self.folder}/all.zip",
            "chain over a server": f"simplecache::{self.url}/{name}",
        }


WAYS = tuple(Outside(Path("/x"), "").ways(""))


def lines(rows: Iterable[object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


GOOD = [
    {"text": f"Good row {number}, which is one of the corpus and long enough for a row."}
    for number in range(9)
]


def with_word(kind: str) -> dict[str, bytes]:
    """Return files of an adapter's own kind that hold the word in every record."""
    corpus = dict(CORPORA[kind].files)
    for name, content in corpus.items():
        if name.endswith(".parquet"):
            corpus[name] = parquet(
                [{"text": f"{WORD} {i}", "id": str(i), "meta": {"pile_set_name": "X"}} for i in range(9)]
            )
        elif name.endswith(".xlsx"):
            corpus[name] = workbook(f"{WORD} in a cell")
        else:
            corpus[name] = content.replace(b"Poistn", WORD.encode())
            assert WORD.encode() in corpus[name]
    return corpus


def parquet(rows: list[dict[str, Any]], file_path: str = "") -> bytes:
    import pyarrow
    import pyarrow.parquet

    sink = io.BytesIO()
    if not file_path:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
        return sink.getvalue()
    found: list[Any] = []
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink, metadata_collector=found)
    found[0].set_file_path(file_path)
    footer = io.BytesIO()
    found[0].write_metadata_file(footer)
    return footer.getvalue()


def workbook(text: str) -> bytes:
    from openpyxl import Workbook

    book, sink = Workbook(), io.BytesIO()
    assert book.active is not None
    for row in (["text"], [text], ["good"]):
        book.active.append(row)
    book.save(sink)
    return sink.getvalue()


def rezip(content: bytes, **changed: str) -> bytes:
    """Return a workbook with parts replaced or added, by their names with dots for slashes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(sink, "w") as new:
        parts = {name: old.read(name) for name in old.namelist()}
        parts.update((name, text.encode()) for name, text in changed.items())
        for name, data in parts.items():
            new.writestr(name, data)
    return sink.getvalue()


# Links, in the form of each adapter's own files.


def link_files(kind: str) -> Callable[[Path, Outside], None]:
    def write(folder: Path, outside: Outside) -> None:
        for name, content in with_word(kind).items():
            target = outside.folder / kind / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(target)

    return write


def link_folder(kind: str) -> Callable[[Path, Outside], None]:
    def write(folder: Path, outside: Outside) -> None:
        for name, content in with_word(kind).items():
            target = outside.folder / kind / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (folder / "a").symlink_to(outside.folder / kind)

    return write


def link_over_links(kind: str) -> Callable[[Path, Outside], None]:
    def write(folder: Path, outside: Outside) -> None:
        for name, content in with_word(kind).items():
            target = outside.folder / kind / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (folder / "out").symlink_to(Path("..") / outside.folder.name / kind)
        for name in with_word(kind):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            up = "../" * name.count("/")
            (folder / name).symlink_to(f"{up}./out/{name}")

    return write


# Names inside files.


def card(entry: str) -> Callable[[str], Callable[[Path, Outside], None]]:
    def of_way(way: str) -> Callable[[Path, Outside], None]:
        def write(folder: Path, outside: Outside) -> None:
            named = json.dumps(outside.ways("c.jsonl")[way])
            text = f"---\nconfigs:\n- config_name: default\n  {entry.replace('NAMED', named)}\n---\n"
            (folder / "README.md").write_text(text)
            (folder / "train.jsonl").write_text(lines(GOOD))

        return write

    return of_way


def saved_state(way: str) -> Callable[[Path, Outside], None]:
    def write(folder: Path, outside: Outside) -> None:
        import datasets

        datasets.disable_progress_bars()
        for target in (folder, outside.folder / "saved"):
            rows = GOOD if target == folder else [{"text": f"{WORD} {i}"} for i in range(9)]
            datasets.Dataset.from_list(rows).save_to_disk(target)
        (file,) = (outside.folder / "saved").glob("*.arrow")
        shutil.copy(file, outside.folder / "c.arrow")
        state = json.loads((folder / "state.json").read_text())
        state["_data_files"].append({"filename": outside.ways("c.arrow")[way]})
        (folder / "state.json").write_text(json.dumps(state))

    return write


def dataset_dict(way: str) -> Callable[[Path, Outside], None]:
    def write(folder: Path, outside: Outside) -> None:
        saved_state("absolute")(outside.folder, outside)
        name = outside.ways("saved")[way]
        (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", name]}))
        (folder / "x.arrow").write_bytes(b"")

    return write


def values(kind: str) -> Callable[[str], Callable[[Path, Outside], None]]:
    """Rows whose values name the file in the ways in which some programs load what is named."""

    def of_way(way: str) -> Callable[[Path, Outside], None]:
        def write(folder: Path, outside: Outside) -> None:
            named = outside.ways("c.txt")[way]
            references = [
                {"text": {"$ref": named}},
                {"text": {"path": named, "bytes": None}},
                {"text": f'@{named} =IMPORTDATA("{named}") ![]({named}) <!--#include file="{named}"-->'},
                {"$ref": named},
                {"text": f"{{% include '{named}' %}}{{{{ open('{named}').read() }}}}"},
            ]
            if kind == "jsonl":
                (folder / "a.jsonl").write_text(lines([*references, *GOOD]))
            elif kind == "parquet":
                image = [{"text": {"path": named, "bytes": b""}}] * 3
                (folder / "a.parquet").write_bytes(parquet(image))
                (folder / "b.parquet").write_bytes(parquet(GOOD, file_path=named))
                (folder / "_metadata").write_bytes(parquet(GOOD, file_path=named))
                (folder / "c.parquet").write_bytes(parquet(GOOD))
            elif kind == "csv":
                text = "".join(f'"{str(row.get("text")).replace(chr(34), chr(39))}"\n' for row in references)
                (folder / "a.csv").write_text(f"text\n{text}")
            elif kind == "text":
                (folder / "a.txt").write_text("".join(f"{row.get('text')}\n" for row in references))
            else:
                turns = [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": named}}]},
                    {
                        "role": "user",
                        "content": [{"type": "file", "file": named}, {"type": "text", "text": "?"}],
                    },
                    {"role": "user", "content": f"{{% include '{named}' %}}"},
                ]
                tool = {"name": "f", "description": "f", "parameters": {"$ref": named, "type": "object"}}
                answer = {"role": "assistant", "content": "Good answer, which is long enough for a row."}
                rows = [{"messages": [turn, answer], "tools": [tool]} for turn in turns]
                (folder / "a.jsonl").write_text(
                    lines([*rows, {"messages": [turns[2], answer], "tools": named}])
                )

        return write

    return of_way


def ontology(form: str) -> Callable[[str], Callable[[Path, Outside], None]]:
    def of_way(way: str) -> Callable[[Path, Outside], None]:
        def write(folder: Path, outside: Outside) -> None:
            named = outside.ways("c.ttl")[way]
            quoted = named.replace("&", "&amp;")
            xml = {
                "entity": (f'<!DOCTYPE r [<!ENTITY e SYSTEM "{quoted}">]>', "&e;", ""),
                "external DTD": (f'<!DOCTYPE r SYSTEM "{quoted}">', "good", ""),
                "parameter entity": (f'<!DOCTYPE r [<!ENTITY % e SYSTEM "{quoted}"> %e;]>', "good", ""),
                "imports": (
                    "",
                    "good",
                    f'<owl:Ontology rdf:about="o"><owl:imports rdf:resource="{quoted}"/></owl:Ontology>',
                ),
                "XInclude": (
                    "",
                    "good",
                    f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{quoted}"/>',
                ),
                "base": ("", "good", f'<rdf:Description xml:base="{quoted}" rdf:about="#x"/>'),
                "stylesheet": (f'<?xml-stylesheet href="{quoted}"?>', "good", ""),
            }
            if form == "turtle":
                (folder / "o.ttl").write_text(
                    "@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix : <http://x.org/#> .\n"
                    "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
                    f"<http://x.org/> a owl:Ontology ; owl:imports <{named}> ; rdfs:seeAlso <{named}> .\n"
                    ':A a owl:Class ; rdfs:label "good label of a class" .\n'
                )
                return
            head, label, more = xml[form]
            (folder / "o.owl").write_text(
                f'<?xml version="1.0"?>{head}<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
                'xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xmlns:owl="http://www.w3.org/2002/07/owl#">'
                f'<owl:Class rdf:about="http://x.org/A"><rdfs:label>{label} of a class</rdfs:label></owl:Class>'
                f"{more}</rdf:RDF>"
            )

        return write

    return of_way


def dump(way: str) -> Callable[[Path, Outside], None]:
    def write(folder: Path, outside: Outside) -> None:
        named = outside.ways("c.txt")[way].replace("&", "&amp;")
        (folder / "skwiki-pages-articles.xml").write_text(
            f'<!DOCTYPE mediawiki [<!ENTITY e SYSTEM "{named}">]>\n<mediawiki xml:lang="sk"><page><title>T</title>'
            "<ns>0</ns><id>1</id><revision><text>&e; {{:File:x}} [[File:y]] good text</text></revision></page>"
            "</mediawiki>\n"
        )

    return write


def sheet(form: str) -> Callable[[str], Callable[[Path, Outside], None]]:
    def of_way(way: str) -> Callable[[Path, Outside], None]:
        def write(folder: Path, outside: Outside) -> None:
            named = outside.ways("c.txt")[way].replace("&", "&amp;").replace('"', "&quot;")
            main_ns = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
            relations = "http://schemas.openxmlformats.org/package/2006/relationships"
            office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
            head = f'<!DOCTYPE r [<!ENTITY e SYSTEM "{named}">]>'
            parts = {
                "shared strings": {
                    "xl/sharedStrings.xml": f'{head}<sst xmlns="{main_ns}"><si><t>text</t></si><si><t>&e;</t></si>'
                    "<si><t>good</t></si></sst>"
                },
                "sheet": {
                    "xl/worksheets/sheet1.xml": f'{head}<worksheet xmlns="{main_ns}"><sheetData><row r="1"><c r="A1" '
                    't="inlineStr"><is><t>text</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>&e;</t>'
                    "</is></c></row></sheetData></worksheet>"
                },
                "external link": {
                    "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main_ns}"><sheetData><row r="1"><c r="A1" '
                    't="inlineStr"><is><t>text</t></is></c></row><row r="2"><c r="A2" t="str"><f>[1]S!A1</f>'
                    f'<v>good</v></c></row><row r="3"><c r="A3" t="str"><f>WEBSERVICE("{named}")</f></c></row>'
                    "</sheetData></worksheet>",
                    "xl/externalLinks/externalLink1.xml": f'<externalLink xmlns="{main_ns}" xmlns:r="{office}">'
                    '<externalBook r:id="rId1"/></externalLink>',
                    "xl/externalLinks/_rels/externalLink1.xml.rels": f'<Relationships xmlns="{relations}">'
                    f'<Relationship Id="rId1" Type="{office}/externalLinkPath" Target="{named}" '
                    'TargetMode="External"/></Relationships>',
                },
                "sheet of elsewhere": {
                    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}"><Relationship Id="rId1" '
                    f'Type="{office}/worksheet" Target="{named}" TargetMode="External"/></Relationships>'
                },
            }[form]
            (folder / "a.xlsx").write_bytes(rezip(workbook("good"), **parts))

        return write

    return of_way


def archive(way: str) -> Callable[[Path, Outside], None]:
    def write(folder: Path, outside: Outside) -> None:
        named = outside.ways("c.jsonl")[way]
        with zipfile.ZipFile(folder / "train.zip", "w") as written:
            written.writestr("good.jsonl", lines(GOOD))
            written.writestr(named, lines(GOOD))
            link = zipfile.ZipInfo("link.jsonl")
            link.external_attr = 0o120777 << 16
            written.writestr(link, named)

    return write


NAMED = {
    **{f"card, {key}": ("hub-dataset", card(entry)) for key, entry in {
        "files": "data_files: NAMED",
        "list": "data_files: [train.jsonl, NAMED]",
        "split": "data_files: [{split: train, path: [train.jsonl, NAMED]}]",
        "folder": "data_dir: NAMED",
    }.items()},
    "state of a saved dataset": ("hub-dataset", saved_state),
    "splits of a saved dataset": ("hub-dataset", dataset_dict),
    "archive": ("hub-dataset", archive),
    **{f"values in {kind}": (kind, values(kind)) for kind in ("jsonl", "parquet", "csv", "text", "chat")},
    **{f"ontology, {form}": ("ontology", ontology(form)) for form in (
        "turtle", "entity", "external DTD", "parameter entity", "imports", "XInclude", "base", "stylesheet"
    )},
    "dump": ("wikipedia", dump),
    **{f"workbook, {form}": ("excel", sheet(form)) for form in (
        "shared strings", "sheet", "external link", "sheet of elsewhere"
    )},
}  # fmt: skip
LINKS = {"file": link_files, "folder": link_folder, "link to a link": link_over_links}


@pytest.fixture
def outside(tmp_path: Path, loopback: Loopback) -> Outside:
    """Files beside the location, and the same at a server."""
    folder = tmp_path / "outside"
    folder.mkdir()
    content = {
        "c.txt": f"{WORD} in a text\n" * 9,
        "c.jsonl": lines(
            [{"text": f"{WORD} {i}, which is long enough for a whole row of tokens."} for i in range(9)]
        ),
        "c.ttl": f'<http://x.org/c> <http://www.w3.org/2000/01/rdf-schema#label> "{WORD} of a class" .\n',
    }
    with zipfile.ZipFile(folder / "all.zip", "w") as written:
        for name, text in content.items():
            (folder / name).write_text(text)
            loopback.files[f"/{name}"] = text.encode()
            written.writestr(name, text)
    return Outside(folder, loopback.address)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands are run."""
    folder = tmp_path / "work"
    (folder / "model").mkdir(parents=True)
    write_chatml(folder / "model")
    plain = [
        {"text": f"Plain row {i}, which is of the other source and long enough for a row too."}
        for i in range(40)
    ]
    (folder / "plain.jsonl").write_text(lines(plain))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CALIBSET_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HF_HOME", str(folder / "hf"))
    return folder


def run(work: Path, place: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Build with everything that is written, and return all that came of it."""
    keys = {"group": "baits", "type": kind, "where": str(place), **CORPORA[kind].options}
    source = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    (work / "recipe.toml").write_text(f"{RECIPE}[sources.bait]\n{source}")
    built = main(["build", "recipe.toml", "--rejects", "left-out.jsonl"]) == 0
    main(["plan", "recipe.toml", "--preview"])
    if built:
        assert main(["lock", "recipe.toml"]) == 0
        assert main(["card", "bait.jsonl"]) == 0
        assert main(["card", "bait.jsonl", "--out", "card"]) == 0
        assert main(["show", "bait.jsonl", "1"]) == 0
        assert main(["report", "bait.jsonl"]) == 0
    printed = capsys.readouterr()
    made = [path for path in work.rglob("*") if path.is_file()]
    return "\n".join(
        [printed.out, printed.err, *(path.read_bytes().decode("utf-8", "replace") for path in made)]
    )


def require_no_word(found: str) -> None:
    assert "Traceback" not in found
    assert WORD not in found


def read(place: Path, kind: str) -> str:
    """Return all that an adapter makes of a location: its records, or its fault, and what it opened."""
    keys = {"type": kind, "group": "a", "where": "place", **CORPORA[kind].options}
    reader = TrackedReader(LocalReader("place", place))
    found: list[object] = []
    try:
        source = get_adapter(kind).model_validate(keys)
        found += wrap_errors(source.read_shuffled(reader, seed=1), "bait")
    except CalibsetError as error:
        found.append(error)
    return "\n".join(map(repr, (*found, *reader.read())))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The location, beside the folder of what is outside."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", NAMED)
def test_what_a_corpus_names_outside_its_location_is_not_read(
    case: str, way: str, place: Path, outside: Outside, loopback: Loopback
) -> None:
    kind, trap = NAMED[case]
    trap(way)(place, outside)
    require_no_word(read(place, kind))
    assert loopback.asked == []


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", NAMED)
def test_nor_is_it_in_anything_that_a_build_leaves(
    case: str,
    way: str,
    work: Path,
    place: Path,
    outside: Outside,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind, trap = NAMED[case]
    trap(way)(place, outside)
    require_no_word(run(work, place, kind, capsys))


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("kind", sorted(ADAPTERS))
def test_a_link_out_of_a_location_is_not_read(kind: str, link: str, place: Path, outside: Outside) -> None:
    LINKS[link](kind)(place, outside)
    found = read(place, kind)
    require_no_word(found)
    # Of a folder, some adapters would read other names than those that it has.
    assert (
        "is a symbolic link out of the folder, which is not followed" in found or "no file matches" in found
    )
    # The word would be found: the same files are read where the user names their folder.
    assert WORD in read(outside.folder / kind, kind)


@pytest.mark.parametrize("kind", ["hub-dataset", "jsonl"])
def test_nothing_that_a_build_leaves_holds_what_a_link_leads_to(
    kind: str, work: Path, place: Path, outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    link_files(kind)(place, outside)
    (place / "good.jsonl").write_text(lines(GOOD))
    require_no_word(run(work, place, kind, capsys))
    # The recipe is the user's own: what it names is read.
    assert WORD in run(work, outside.folder / kind, kind, capsys)


TEMPLATES = {
    "include": "{{% include '{named}' %}}",
    "import": "{{% import '{named}' as x %}}{{{{ x }}}}",
    "extends": "{{% extends '{named}' %}}",
    "open": "{{{{ open('{named}').read() }}}}",
    "attributes": "{{{{ cycler.__init__.__globals__.os.popen('cat {named}').read() }}}}",
    "self": "{{{{ self._TemplateReference__context.environment.loader.load('{named}') }}}}",
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_chat_template_reads_nothing(
    case: str, work: Path, outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    template = TEMPLATES[case].format(named=outside.folder / "c.txt")
    (work / "model" / "chat_template.jinja").write_text(template + TEMPLATE)
    (work / "chat").mkdir()
    (work / "chat" / "a.jsonl").write_bytes(CORPORA["chat"].files["c.jsonl"])
    found = run(work, work / "chat", "chat", capsys)
    require_no_word(found)
    assert "wrote bait.jsonl" not in found


BESIDE = ("chat_template.jinja", "additional_chat_templates/x.jinja", "tokenizer_config.json", "config.json")


@pytest.mark.parametrize("name", [*BESIDE, "tokenizer.json", "vocab.txt"])
def test_a_file_of_a_tokenizers_folder_that_links_out_is_not_read(
    name: str, work: Path, outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    file = work / "model" / name
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(outside.folder / "c.txt")
    (work / "chat").mkdir()
    (work / "chat" / "a.jsonl").write_bytes(CORPORA["chat"].files["c.jsonl"])
    found = run(work, work / "chat", "chat", capsys)
    # The link stands among what is looked through.
    assert WORD not in found.replace(f"{WORD} in a text\n" * 9, "", 1)
    assert (
        f"{name}: a symbolic link out of its folder, which is not followed; put the file itself there"
        in found
    )


def test_a_tokenizer_that_the_user_names_may_be_a_link(work: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").symlink_to(work / "model" / "tokenizer.json")
    assert load_tokenizer(str(tmp_path / "mine.json")).encode("a", parse_special=True)
