from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import RecipeError
from calibset.recipe.loader import load_recipe, parse_recipe
from tests.recipe.recipes import GOOD, TWO_SOURCES, find_faults


def test_every_fault_is_named_at_once() -> None:
    text = """
name = "a b"
tokenizr = "x"
seed = -1
nsamples = 0
seqlen = true
max_repeats = 1.5
output = "x.txt"
fill = [1]
shortage = "stop"
[groups]
a = 0.5
b = 2
c = "x"
[sources.one]
grup = "a"
[sources.two]
type = "txt"
group = "a"
[sources.three]
type = "text"
group = "z"
where = 3
splitt = 1
weight = "heavy"
[sources.four]
type = "csv"
group = "b"
where = ["ftp://x", "", "hf://datasets/x"]
[sources.five]
type = "text"
group = "c"
where = []
"""
    assert find_faults(text) == [
        "sources.one.type: is missing; `calibset sources` lists the adapters",
        "sources.two.type: unknown adapter 'txt'; did you mean text?",
        "sources.three.weight: must be a number, got 'heavy'",
        "sources.three.where: must be a text or a list of texts, got 3",
        "sources.three.splitt: unknown key; did you mean split?",
        "sources.four.where[0]: must be hf://datasets/OWNER/NAME, https://… or a local path, got 'ftp://x'",
        "sources.four.where[1]: must not be empty",
        "sources.four.where[2]: must read hf://datasets/OWNER/NAME, got 'hf://datasets/x'",
        "sources.five.where: must be at least 1 long, got []",
        "name: must be a text that matches ^[A-Za-z0-9][A-Za-z0-9._-]*$, got 'a b'",
        "seed: must be at least 0, got -1",
        "nsamples: must be above 0, got 0",
        "seqlen: must be a whole number, got true",
        "groups.b: must be at most 1, got 2",
        "groups.c: must be a number, got 'x'",
        "fill: must be a text, got [1]",
        "shortage: must be 'fill', 'redistribute', 'repeat' or 'error', got 'stop'",
        "max_repeats: must be a whole number, got 1.5",
        r"output: must be a text that matches \.jsonl$, got 'x.txt'",
        "tokenizr: unknown key; did you mean tokenizer?",
        "sources.three.group: no group 'z'; groups are a, b, c",
    ]


def test_each_fault_begins_with_the_file() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe("", origin="some/recipe.toml")
    assert caught.value.faults == (
        "some/recipe.toml: name: is missing",
        "some/recipe.toml: groups: is missing",
        "some/recipe.toml: sources: is missing",
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sources = 3", "sources: must be a table, got 3"),
        ("sources = {}", "sources: must be at least 1 long, got {}"),
        ("sources = { one = 1 }", "sources.one: must be a table"),
        ('sources = { one = { type = "text" } }', "sources.one.group: is missing"),
        ("groups = 4", "groups: must be a table, got 4"),
        ("groups = {}", "groups: must be at least 1 long, got {}"),
    ],
)
def test_a_table_of_another_form_is_one_fault_more(text: str, fault: str) -> None:
    assert fault in find_faults('name = "x"\n' + text)


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("nsample", "nsample: unknown key; did you mean nsamples?"),
        ("seq_len", "seq_len: unknown key; did you mean seqlen?"),
        ("zzz", "zzz: unknown key"),
    ],
)
def test_an_unknown_key_comes_with_a_suggestion(key: str, fault: str) -> None:
    assert find_faults(f"{key} = 1\n{GOOD}") == [fault]


def test_an_adapters_own_keys_are_suggested() -> None:
    assert find_faults(GOOD + 'seperator = "-"') == [
        "sources.one.seperator: unknown key; did you mean separator?"
    ]


@pytest.mark.parametrize(
    "text",
    ["= 1", "a = 1\na = 2", "a = " + "[" * 50_000, "a = " + "9" * 5_000, "a = \x00", "[a", "a.b = 1\na = 2"],
)
def test_what_is_no_toml_is_one_fault(text: str) -> None:
    (fault,) = find_faults(text)
    assert fault.startswith("not valid TOML: ")


@pytest.mark.parametrize(
    "key",
    [
        "a." * 99 + "b = 1",
        " [ " + "a . " * 99 + "b]",
        "\"a b\".'c'." * 50 + "d = 1",
        r'"\"". ' * 99 + "a = 1",
        "a = {b = 1," + "c." * 99 + "d = 1}",
        "a." * 50_000,
    ],
)
def test_a_key_of_a_hundred_parts_is_refused_before_it_is_read(key: str) -> None:
    fault = "line 2: a key of a hundred parts or more, and no recipe has any"
    assert find_faults(f"# one\n{key}") == [fault]


def test_dots_in_texts_are_no_parts_of_a_key() -> None:
    said = ". ".join(["no more"] * 200)
    assert parse_recipe(f'description = "{said}"\n{GOOD}').description == said
    letters = ".".join("a" * 200)
    assert parse_recipe(f'# {letters}\ndescription = "{letters}"  # {letters}\n{GOOD}').description == letters
    assert find_faults("a." * 98 + f"b = 1\n{GOOD}") == ["a: unknown key"]


def test_a_file_without_end_is_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("# " + "a" * 2**22)
    for name in (path, *(Path(device) for device in ("/dev/zero",) if Path(device).exists())):
        with pytest.raises(RecipeError) as caught:
            load_recipe(name)
        assert (
            str(caught.value) == f"{name}: has over 4 MiB, too much for a recipe; name what it reads as files"
        )


@given(st.text())
def test_any_text_is_a_recipe_or_a_recipe_error(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_recipe(text)


def toml_values() -> st.SearchStrategy[Any]:
    plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=5,
    )


@given(st.data())
def test_any_value_at_any_key_is_read_or_a_recipe_error(data: st.DataObject) -> None:
    raw = tomllib.loads(GOOD)
    table = data.draw(st.sampled_from([raw, raw["groups"], raw["sources"], raw["sources"]["one"]]))
    others = ["fill", "b", "nsamples", "weight", "where", "type", "shortage", "revision"]
    key = data.draw(st.sampled_from([*table, *others]))
    table[key] = data.draw(toml_values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tomllib, "loads", lambda _: raw)
        try:
            recipe = parse_recipe("")
        except RecipeError as error:
            lines = error.faults
        else:
            lines = ()
            assert sum(recipe.mixture.quotas().values()) == recipe.nsamples
    assert all(line.startswith("recipe: ") for line in lines)


def test_a_number_that_can_not_be_printed_is_a_fault() -> None:
    assert find_faults("seed = 0x" + "f" * 5_000 + GOOD) == [
        "seed: must be at most 9223372036854775807, got a huge int"
    ]


def test_a_place_may_be_of_every_kind_and_one_of_several() -> None:
    places = ["/data/x", "rel/x", "https://a.org/x.json", "https://a.org/f/", "hf://datasets/a/b"]
    recipe = parse_recipe(GOOD, overrides=[f"sources.one.where={places}"])
    assert recipe.sources["one"].where == tuple(places)


ADAPTER = """
from calibset.sources import Source
class Own(Source):
    summary = "own"
    depth: int = 1
class Other:
    pass
raise_on = None
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with an adapter, that can be imported."""
    (tmp_path / "own_adapter_of_a_test.py").write_text(ADAPTER)
    (tmp_path / "broken_adapter_of_a_test.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "own_adapter_of_a_test"


def test_code_of_a_recipe_runs_only_if_allowed(own_module: str) -> None:
    own = GOOD.replace('"text"', f'"{own_module}:Own"') + "depth = 3"
    assert find_faults(own) == [
        f"sources.one.type: '{own_module}:Own' would run code that this recipe names; pass --allow-code "
        "(or allow_code=True) if you trust it"
    ]
    source: Any = parse_recipe(own, allow_code=True).sources["one"]
    assert source.depth == 3
    assert find_faults(own + "\ndept = 1", allow_code=True) == [
        "sources.one.dept: unknown key; did you mean depth?"
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("own_adapter_of_a_test:Other", "is not a calibset.sources.Source"),
        ("own_adapter_of_a_test:raise_on", "is not a calibset.sources.Source"),
        ("own_adapter_of_a_test:Gone", "can't be imported: "),
        ("no_such_module_of_a_test:Own", "can't be imported: No module named 'no_such_module_of_a_test'"),
        ("broken_adapter_of_a_test:Own", "can't be imported: division by zero"),
        (":Own", "can't be imported: Empty module name"),
        (".x:Own", "can't be imported: "),
    ],
)
def test_code_that_is_no_adapter_is_a_fault(own_module: str, kind: str, expected: str) -> None:
    (fault,) = find_faults(GOOD.replace('"text"', f'"{kind}"'), allow_code=True)
    assert fault.startswith(f"sources.one.type: '{kind}' {expected}")


def test_a_file_that_can_not_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    for name, reason in {
        "no.toml": "No such file or directory",
        "": "Is a directory",
        "latin.toml": "not UTF-8 text",
    }.items():
        with pytest.raises(RecipeError) as caught:
            load_recipe(tmp_path / name)
        assert caught.value.faults == (f"{tmp_path / name}: can't be read: {reason}",)


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_recipe(tmp_path / "r.toml").name == "small"


EVALUATION = 'name = "e", type = "text", where = "x"'


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ("3", ["exclude: must be a list of tables: [[exclude]]"]),
        ('{ name = "e" }', ["exclude: must be a list of tables: [[exclude]]"]),
        ("[3]", ["exclude[0]: must be a table"]),
        (
            "[{}]",
            [
                "exclude[0].name: is missing",
                "exclude[0].type: is missing; `calibset sources` lists the adapters",
            ],
        ),
        ('[{ name = 3, type = "text", where = "x" }]', ["exclude[0].name: must be a text"]),
        ('[{ name = "", type = "text", where = "x" }]', ["exclude[0].name: must not be empty"]),
        (
            '[{ name = "one", type = "text", where = "x" }]',
            ["exclude[0].name: 'one' is already the name of another table"],
        ),
        (
            f"[{{ {EVALUATION} }}, {{ {EVALUATION} }}]",
            ["exclude[1].name: 'e' is already the name of another table"],
        ),
        (
            '[{ name = "e", type = "txt", where = "x" }]',
            ["exclude[0].type: unknown adapter 'txt'; did you mean text?"],
        ),
        ('[{ name = "e", type = "text" }]', ["exclude[0].where: is missing"]),
        (
            f'[{{ {EVALUATION}, group = "a", weight = 1, hygiene = {{}} }}]',
            [f"exclude[0].{key}: evaluation sets have no such key" for key in ("group", "weight", "hygiene")],
        ),
        (
            f'[{{ {EVALUATION}, seperator = "-" }}]',
            ["exclude[0].seperator: unknown key; did you mean separator?"],
        ),
        (
            '[{ name = "e", type = "text", where = "ftp://x" }]',
            [
                "exclude[0].where[0]: must be hf://datasets/OWNER/NAME, https://… or a local path, "
                "got 'ftp://x'"
            ],
        ),
        (
            '[{ name = "e", type = "a.b:C", where = "x" }]',
            [
                "exclude[0].type: 'a.b:C' would run code that this recipe names; pass --allow-code "
                "(or allow_code=True) if you trust it"
            ],
        ),
    ],
)
def test_what_is_wrong_with_evaluation_sets_is_said(tables: str, expected: list[str]) -> None:
    assert find_faults(f"exclude = {tables}\n{TWO_SOURCES}") == expected


@pytest.mark.parametrize(("sources", "shown"), [("3", "3"), ('"one"', "'one'")])
def test_evaluation_sets_are_looked_at_where_there_are_no_sources(sources: str, shown: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f'sources = {sources}\nname = "n"\ngroups.a = 1\nexclude = [{{ {EVALUATION} }}]')
    assert caught.value.faults == (f"recipe: sources: must be a table, got {shown}",)


@pytest.mark.parametrize("path", ["path", "_path"])
def test_no_key_sets_the_recipes_file(path: str) -> None:
    assert find_faults(f'{path} = "x"\n{GOOD}') == [f"{path}: unknown key"]
    assert parse_recipe(GOOD).path is None


def test_a_recipe_knows_its_file(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(GOOD)
    recipe = load_recipe(tmp_path / "r.toml")
    assert (recipe.path, recipe.folder) == (tmp_path / "r.toml", tmp_path)
    assert recipe.model_copy(update={"seed": 1}).path == recipe.path
    assert "path" not in recipe.model_dump()


def test_the_old_name_of_a_key_comes_with_the_new_one() -> None:
    assert find_faults(f'consumer = "autoround"\n{GOOD}') == [
        "consumer: was renamed; the key is now quantizer"
    ]
    assert find_faults(GOOD + 'consumer = "x"') == ["sources.one.consumer: unknown key"]
