from __future__ import annotations

import tomllib
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import RecipeError
from calibset.recipe.json_schema import recipe_schema
from calibset.recipe.loader import load_recipe, parse_recipe
from calibset.recipe.model import Recipe
from calibset.sources import ADAPTERS, adapter
from calibset.sources.adapters.text import Text

RECIPES = Path(__file__).parents[2] / "recipes"

GOOD = """
name = "small"
[groups]
a = 1.0
[sources.one]
group = "a"
type = "text"
where = "corpus"
"""


def faults(text: str, *overrides: str, allow_code: bool = False) -> list[str]:
    """Return what is wrong with a recipe."""
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, origin="r.toml", overrides=overrides, allow_code=allow_code)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return [fault.removeprefix("r.toml: ") for fault in caught.value.faults]


def test_a_small_recipe_has_the_usual_defaults() -> None:
    recipe = parse_recipe(GOOD)
    assert (recipe.nsamples, recipe.seqlen, recipe.seed, recipe.tokenizer) == (
        512,
        2048,
        42,
        "mistral-small-3.2",
    )
    assert (recipe.control_tokens, recipe.quantizer, recipe.shortage_policy) == (
        "neutralise",
        "autoround",
        "redistribute",
    )
    source = recipe.sources["one"]
    assert isinstance(source, Text)
    assert (source.where, source.weight, source.licence) == (("corpus",), 1.0, "unknown")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_the_recipes_that_come_along_are_right(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.folder == RECIPES
    assert sum(recipe.mixture.quotas().values()) == recipe.nsamples
    assert recipe.shortage_policy == "fill"


def test_shares_and_weights_are_exact_fractions() -> None:
    text = (
        GOOD.replace("a = 1.0", "a = 0.3\nb = 0.7")
        + 'weight = 0.1\n[sources.two]\ngroup = "b"\ntype = "text"\nwhere = "x"\n'
    )
    mixture = parse_recipe(text).mixture
    assert mixture.shares == {"a": Fraction(3, 10), "b": Fraction(7, 10)}
    assert mixture.weights == {"a": {"one": Fraction(1, 10)}, "b": {"two": Fraction(1)}}


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
    assert faults(text) == [
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
    assert fault in faults('name = "x"\n' + text)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("0", "must be above 0, got 0"),
        ("-1", "must be above 0, got -1"),
        ("nan", "must be a finite number, got nan"),
        ("inf", "must be a finite number, got inf"),
        ("true", "must be a number, got true"),
        ('"2"', "must be a number, got '2'"),
        ("[1]", "must be a number, got [1]"),
        ("2020-01-01", "must be a number, got datetime.date(2020, 1, 1)"),
    ],
)
def test_a_weight_is_a_number_above_zero(value: str, fault: str) -> None:
    assert faults(GOOD + f"weight = {value}") == [f"sources.one.weight: {fault}"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("0", "must be above 0, got 0"),
        ("-0.5", "must be above 0, got -0.5"),
        ("1.5", "must be at most 1, got 1.5"),
        ("nan", "must be a finite number, got nan"),
        ("inf", "must be a finite number, got inf"),
        ("true", "must be a number, got true"),
        ('"1"', "must be a number, got '1'"),
        ("1e400", "must be a finite number, got inf"),
        ("9" * 400, "must be a number, got " + "9" * 79 + "…"),
    ],
)
def test_a_share_is_a_number_up_to_one(value: str, fault: str) -> None:
    assert faults(GOOD.replace("a = 1.0", f"a = {value}")) == [f"groups.a: {fault}"]


@pytest.mark.parametrize(
    ("shares", "total"), [("a = 0.5", "0.5"), ("a = 0.9989", "0.9989"), ("a = 0.7\nb = 0.7", "1.4")]
)
def test_shares_sum_to_one(shares: str, total: str) -> None:
    found = faults(GOOD.replace("a = 1.0", shares))
    assert found[0] == f"groups: shares must sum to 1, got {total}"


@pytest.mark.parametrize("shares", ["a = 0.999", "a = 1"])
def test_shares_may_be_rounded(shares: str) -> None:
    assert parse_recipe(GOOD.replace("a = 1.0", shares)).mixture.quotas() == {"one": 512}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ('fill = "a"', ["fill: 'a' has a share in groups; the fill group takes only what runs short"]),
        ('fill = "z"', ["fill: no source is in group 'z'"]),
        ('shortage = "fill"', ['shortage: "fill" needs a fill group; name one with fill = "…"']),
    ],
)
def test_a_fill_group_has_sources_and_no_share(lines: str, found: list[str]) -> None:
    assert faults(lines + GOOD) == found


def test_a_group_has_a_source() -> None:
    assert faults(GOOD.replace("a = 1.0", "a = 0.5\nb = 0.5")) == ["groups.b: no source is in it"]


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("nsample", "nsample: unknown key; did you mean nsamples?"),
        ("seq_len", "seq_len: unknown key; did you mean seqlen?"),
        ("zzz", "zzz: unknown key"),
    ],
)
def test_an_unknown_key_comes_with_a_suggestion(key: str, fault: str) -> None:
    assert faults(f"{key} = 1\n{GOOD}") == [fault]


def test_an_adapters_own_keys_are_suggested() -> None:
    assert faults(GOOD + 'seperator = "-"') == ["sources.one.seperator: unknown key; did you mean separator?"]


@pytest.mark.parametrize(
    "text",
    ["= 1", "a = 1\na = 2", "a = " + "[" * 50_000, "a = " + "9" * 5_000, "a = \x00", "[a", "a.b = 1\na = 2"],
)
def test_what_is_no_toml_is_one_fault(text: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith("not valid TOML: ")


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
    assert faults("seed = 0x" + "f" * 5_000 + GOOD) == [
        "seed: must be at most 9223372036854775807, got a huge int"
    ]


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=7", "seed", 7),
        (" seed = 7", "seed", 7),
        ('name="other"', "name", "other"),
        ("name=other", "name", "other"),
        ("output=a=b.jsonl", "output", "a=b.jsonl"),
        ("description=", "description", ""),
        ("groups.a=1", "groups", {"a": 1.0}),
        ("groups={ a = 1 }", "groups", {"a": 1.0}),
    ],
)
def test_an_override_takes_the_place_of_a_value(override: str, key: str, value: object) -> None:
    assert getattr(parse_recipe(GOOD, overrides=[override]), key) == value


def test_an_override_reaches_into_tables_and_makes_them() -> None:
    new = ["sources.one.weight=2", 'sources.one.where=["x", "y"]', "sources.two.type=text"]
    recipe = parse_recipe(GOOD, overrides=[*new, "sources.two.group=a", "sources.two.where=z"])
    assert (recipe.sources["one"].weight, recipe.sources["one"].where) == (2.0, ("x", "y"))
    assert recipe.sources["two"].where == ("z",)


def test_the_last_override_counts() -> None:
    assert parse_recipe(GOOD, overrides=["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("seed", "--set seed: must read key.path=value, such as sources.pile.weight=2"),
        ("=1", "--set =1: must read key.path=value, such as sources.pile.weight=2"),
        ("a..b=1", "--set a..b=1: must read key.path=value, such as sources.pile.weight=2"),
        ("name.x=1", "--set name.x=1: name is a value, not a table"),
        ("seed=seven", "seed: must be a whole number, got 'seven'"),
        ("seed=1.0", "seed: must be a whole number, got 1.0"),
        ("name=[1", "name: must be a text that matches ^[A-Za-z0-9][A-Za-z0-9._-]*$, got '[1'"),
        ("sources.one.weigth=2", "sources.one.weigth: unknown key; did you mean weight?"),
        ("sources.one=2", "sources.one: must be a table"),
        ("seed=" + "[" * 50_000, "seed: must be a whole number, got '" + "[" * 78 + "…"),
    ],
)
def test_an_override_of_another_form_is_a_fault(override: str, fault: str) -> None:
    assert fault in faults(GOOD, override)


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
    assert faults(own) == [
        f"sources.one.type: '{own_module}:Own' would run code that this recipe names; pass --allow-code "
        "(or allow_code=True) if you trust it"
    ]
    source: Any = parse_recipe(own, allow_code=True).sources["one"]
    assert source.depth == 3
    assert faults(own + "\ndept = 1", allow_code=True) == [
        "sources.one.dept: unknown key; did you mean depth?"
    ]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("own_adapter_of_a_test:Other", "is no calibset.sources.Source"),
        ("own_adapter_of_a_test:raise_on", "is no calibset.sources.Source"),
        ("own_adapter_of_a_test:Gone", "can't be imported: "),
        ("no_such_module_of_a_test:Own", "can't be imported: No module named 'no_such_module_of_a_test'"),
        ("broken_adapter_of_a_test:Own", "can't be imported: division by zero"),
        (":Own", "can't be imported: Empty module name"),
        (".x:Own", "can't be imported: "),
    ],
)
def test_code_that_is_no_adapter_is_a_fault(own_module: str, kind: str, says: str) -> None:
    (fault,) = faults(GOOD.replace('"text"', f'"{kind}"'), allow_code=True)
    assert fault.startswith(f"sources.one.type: '{kind}' {says}")


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


def test_a_recipe_can_not_be_changed() -> None:
    recipe = parse_recipe(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        setattr(recipe, "seed", 1)  # noqa: B010  (a type checker forbids the other)


def test_the_schema_is_a_schema_and_knows_every_key() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = recipe_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == set(Recipe.model_fields)
    assert all(key.get("description") for key in schema["properties"].values())


@cache
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    return jsonschema.Draft202012Validator(recipe_schema())


def invalid(recipe: dict[str, Any]) -> bool:
    return not validator().is_valid(recipe)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_the_schema_accepts_the_recipes_that_come_along(path: Path) -> None:
    assert not invalid(tomllib.loads(path.read_text("utf-8")))


@pytest.mark.parametrize(
    ("override", "valid"),
    [
        ({}, True),
        ({"where": ["a", "b"]}, True),
        ({"split": "train", "config": ["x"]}, True),
        ({"type": "their.module:Adapter", "any": 1}, True),
        ({"wher": "a"}, False),
        ({"type": "txt", "separator": 1}, True),
        ({"separator": 1}, False),
        ({"where": []}, False),
        ({"where": 1}, False),
        ({"weight": 0}, False),
        ({"weight": "1"}, False),
    ],
)
def test_the_schema_judges_sources_as_the_recipe_does(override: dict[str, Any], valid: bool) -> None:
    recipe = tomllib.loads(GOOD)
    recipe["sources"]["one"].update(override)
    assert invalid(recipe) != valid


@pytest.mark.parametrize(
    "override",
    [
        {"nsample": 1},
        {"seed": -1},
        {"groups": {"a": 2}},
        {"name": "a b"},
        {"shortage": "stop"},
        {"hygiene": {"filters": ["nope"]}},
        {"hygiene": {"pii": True}},
        {"hygiene": {"langauges": "sk"}},
        {"decontamination": {"run": 7}},
        {"selection": {"method": "greedy"}},
        {"holdout": {"nsamples": 0}},
        {"holdout": 64},
    ],
)
def test_the_schema_rejects_what_the_recipe_rejects(override: dict[str, Any]) -> None:
    assert invalid({**tomllib.loads(GOOD), **override})


@pytest.mark.parametrize(
    "override",
    [
        {"hygiene": {"languages": "sk", "repairs": "NFC", "filters": ["length"], "boilerplate": True}},
        {"hygiene": {"languages": ["sk", "cs"], "language_score": 1, "pii": "mask"}},
        {"decontamination": {"run": 8, "containment": 1, "matches": "cut"}},
        {"selection": {"method": "coverage", "terms_of": "one", "letters": "áä"}},
        {"selection": {"method": "coverage", "terms_of": ["one"], "pool": 2}},
        {"holdout": {}},
        {"holdout": {"nsamples": 8, "output": "y.jsonl"}},
    ],
)
def test_the_schema_accepts_what_the_recipe_accepts(override: dict[str, Any]) -> None:
    assert not invalid({**tomllib.loads(GOOD), **override})


EVALUATION: dict[str, Any] = {"name": "e", "type": "text", "where": "x"}


@pytest.mark.parametrize(
    ("tables", "valid"),
    [
        ([], True),
        ([EVALUATION], True),
        ([EVALUATION | {"separator": "-", "where": ["x", "y"], "revision": "main", "licence": "MIT"}], True),
        ([EVALUATION | {"type": "their.module:Adapter", "any": 1}], True),
        (EVALUATION, False),
        ([3], False),
        ([{"type": "text", "where": "x"}], False),
        ([EVALUATION | {"name": ""}], False),
        ([EVALUATION | {"name": 3}], False),
        ([{"name": "e", "type": "text"}], False),
        ([EVALUATION | {"type": "jsonl", "separator": "-"}], False),
        ([EVALUATION | {"wher": "x"}], False),
        ([EVALUATION | {"group": "a"}], False),
        ([EVALUATION | {"weight": 1.0}], False),
        ([EVALUATION | {"hygiene": {}}], False),
        ([EVALUATION | {"type": "their.module:Adapter", "group": "a"}], False),
    ],
)
def test_the_schema_knows_evaluation_sets(tables: object, valid: bool) -> None:
    assert invalid({**tomllib.loads(GOOD), "exclude": tables}) != valid


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_adapter_reads_evaluation_sets(name: str) -> None:
    assert not invalid({**tomllib.loads(GOOD), "exclude": [EVALUATION | {"type": name}]})
    keys = validator().schema["$defs"][f"exclude-{name}"]["properties"].keys()
    assert keys == {"name", *adapter(name).model_fields} - {"group", "weight", "hygiene"}


@pytest.mark.parametrize(("hygiene", "valid"), [({"languages": "sk"}, True), ({"filters": "nope"}, False)])
def test_the_schema_knows_a_sources_own_hygiene(hygiene: dict[str, Any], valid: bool) -> None:
    recipe = tomllib.loads(GOOD)
    recipe["sources"]["one"]["hygiene"] = hygiene
    assert invalid(recipe) != valid
