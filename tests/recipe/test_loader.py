"""The tables of hygiene, evaluation sets, selection and holdout: what they may hold, and every fault."""

from __future__ import annotations

from typing import get_args

import pytest

from calibset.core.errors import RecipeError
from calibset.hygiene.options import Decontamination, Hygiene
from calibset.hygiene.text_repair import RepairName
from calibset.recipe.loader import parse_recipe
from calibset.selection.options import Holdout, Selection
from calibset.sources.adapters.text import Text

SOURCES = """
name = "small"
[groups]
a = 1.0
[sources.one]
group = "a"
type = "text"
where = "corpus"
[sources.two]
group = "a"
type = "text"
where = "other"
"""
REPAIRS = "'mojibake', 'controls', 'private use', 'invisible' or 'NFC'"
FILTERS = (
    "'length', 'words', 'symbols', 'bullets', 'lines', 'repetition', 'notices', 'filler', 'braces', "
    "'tokenised' or 'damaged'"
)
UNKNOWN = "codes are those of ISO 639-1, such as sk and en"
EVALUATION = 'name = "e", type = "text", where = "x"'


def faults(lines: str, behind: str = "") -> list[str]:
    """Return what is wrong with a recipe that begins with these lines, or whose last table ends so."""
    with pytest.raises(RecipeError) as caught:
        parse_recipe(lines + SOURCES + behind, origin="r.toml")
    assert all(line.startswith("r.toml: ") for line in caught.value.faults)
    return [line.removeprefix("r.toml: ") for line in caught.value.faults]


def test_without_these_tables_near_duplicates_go_characters_are_mended_and_all_else_stays() -> None:
    recipe = parse_recipe(SOURCES)
    assert recipe.hygiene_of("one") == Hygiene(
        duplicates="near",
        languages=(),
        repairs=get_args(RepairName),
        filters=(),
        boilerplate=False,
        pii="keep",
    )
    assert recipe.decontamination == Decontamination(run=13, containment=0.6, matches="drop")
    assert recipe.selection == Selection(method="random", control_tokens=True, letters="", terms_of=())
    assert (recipe.exclude, recipe.holdout) == ({}, None)


def test_a_sources_own_table_changes_the_keys_that_it_has() -> None:
    lines = 'hygiene = { duplicates = "exact", languages = ["sk", "cs"], boilerplate = true }\n'
    recipe = parse_recipe(lines + SOURCES + 'hygiene.languages = []\nhygiene.pii = "mask"\n')
    assert recipe.hygiene_of("one") == recipe.hygiene
    assert recipe.hygiene_of("two") == Hygiene(duplicates="exact", boilerplate=True, pii="mask")


def test_one_name_may_stand_for_a_list() -> None:
    recipe = parse_recipe(
        'hygiene = { languages = "sk", filters = "length", repairs = "NFC" }\n'
        f'selection = {{ method = "coverage", terms_of = "one" }}\n{SOURCES}'
    )
    assert recipe.hygiene == Hygiene(languages=("sk",), filters=("length",), repairs=("NFC",))
    assert recipe.selection.terms_of == ("one",)


def test_evaluation_sets_are_sources_of_no_group_of_the_recipe() -> None:
    recipe = parse_recipe(
        f'{SOURCES}\n[[exclude]]\nname = "e"\ntype = "text"\nwhere = ["x", "y"]\nseparator = "-"\n'
        '[[exclude]]\nname = "a b/c"\ntype = "jsonl"\nwhere = "z"\n'
    )
    assert list(recipe.exclude) == ["e", "a b/c"]
    assert recipe.exclude["e"] == Text(group="exclude", where=("x", "y"), separator="-")
    assert list(recipe.corpora) == ["one", "two", "e", "a b/c"]
    assert [recipe.key_of(name) for name in ("one", "e")] == ["sources.one", "exclude.e"]
    assert sum(recipe.mixture.quotas().values()) == recipe.nsamples


def test_a_holdout_has_64_rows_beside_the_first_file() -> None:
    assert parse_recipe(f"holdout = {{}}\n{SOURCES}").holdout == Holdout(nsamples=64, output=None)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("hygiene = 3", "hygiene: must be a table, got 3"),
        ('hygiene.duplicates = "all"', "hygiene.duplicates: must be 'keep', 'exact' or 'near', got 'all'"),
        ("hygiene.duplicates = true", "hygiene.duplicates: must be 'keep', 'exact' or 'near', got true"),
        ("hygiene.languages = 3", "hygiene.languages: must be a text or a list of texts, got 3"),
        ("hygiene.languages = [1]", "hygiene.languages[0]: must be a text, got 1"),
        ('hygiene.languages = "xx"', f"hygiene.languages: unknown language 'xx'; {UNKNOWN}"),
        ('hygiene.languages = ["sk", "SK"]', f"hygiene.languages: unknown language 'SK'; {UNKNOWN}"),
        ('hygiene.languages = ["slk"]', f"hygiene.languages: unknown language 'slk'; {UNKNOWN}"),
        (f'hygiene.languages = "{"y" * 99}"', f"hygiene.languages: unknown language '{'y' * 78}…; {UNKNOWN}"),
        ("hygiene.language_score = 2", "hygiene.language_score: must be at most 1, got 2"),
        ("hygiene.language_score = -0.1", "hygiene.language_score: must be at least 0, got -0.1"),
        ('hygiene.language_score = "x"', "hygiene.language_score: must be a number, got 'x'"),
        ("hygiene.language_score = nan", "hygiene.language_score: must be a finite number, got nan"),
        ('hygiene.repairs = ["NFC", "nfd"]', f"hygiene.repairs[1]: must be {REPAIRS}, got 'nfd'"),
        ("hygiene.repairs = false", "hygiene.repairs: must be a text or a list of texts, got false"),
        ('hygiene.filters = ["lines", "nope"]', f"hygiene.filters[1]: must be {FILTERS}, got 'nope'"),
        (
            'hygiene.filters = { a = "b" }',
            "hygiene.filters: must be a text or a list of texts, got {'a': 'b'}",
        ),
        ('hygiene.boilerplate = "yes"', "hygiene.boilerplate: must be true or false, got 'yes'"),
        ('hygiene.pii = "hide"', "hygiene.pii: must be 'keep', 'mask' or 'drop', got 'hide'"),
        ('hygiene.langauges = "sk"', "hygiene.langauges: unknown key; did you mean languages?"),
    ],
)
def test_what_is_wrong_with_hygiene_is_said_of_the_recipes_table_and_of_a_sources(
    table: str, said: str
) -> None:
    assert faults(f"{table}\n") == [said]
    assert faults("", table) == [f"sources.two.{said}"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("decontamination = []", "decontamination: must be a table, got []"),
        ("decontamination.run = 7", "decontamination.run: must be at least 8, got 7"),
        ("decontamination.run = 101", "decontamination.run: must be at most 100, got 101"),
        ("decontamination.run = 13.0", "decontamination.run: must be a whole number, got 13.0"),
        ("decontamination.containment = 0", "decontamination.containment: must be above 0, got 0"),
        ("decontamination.containment = 1.5", "decontamination.containment: must be at most 1, got 1.5"),
        ('decontamination.matches = "keep"', "decontamination.matches: must be 'drop' or 'cut', got 'keep'"),
        ("decontamination.runs = 8", "decontamination.runs: unknown key; did you mean run?"),
    ],
)
def test_what_is_wrong_with_decontamination_is_said(table: str, said: str) -> None:
    assert faults(f"{table}\n") == [said]


@pytest.mark.parametrize(
    ("tables", "said"),
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
            ["exclude[0].name: 'one' is the name of another"],
        ),
        (f"[{{ {EVALUATION} }}, {{ {EVALUATION} }}]", ["exclude[1].name: 'e' is the name of another"]),
        (
            '[{ name = "e", type = "txt", where = "x" }]',
            ["exclude[0].type: unknown adapter 'txt'; did you mean text?"],
        ),
        ('[{ name = "e", type = "text" }]', ["exclude[0].where: is missing"]),
        (
            f'[{{ {EVALUATION}, group = "a", weight = 1, hygiene = {{}} }}]',
            [f"exclude[0].{key}: an evaluation set has none" for key in ("group", "weight", "hygiene")],
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
def test_what_is_wrong_with_evaluation_sets_is_said(tables: str, said: list[str]) -> None:
    assert faults(f"exclude = {tables}\n") == said


@pytest.mark.parametrize(("sources", "shown"), [("3", "3"), ('"one"', "'one'")])
def test_evaluation_sets_are_looked_at_where_there_are_no_sources(sources: str, shown: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f'sources = {sources}\nname = "n"\ngroups.a = 1\nexclude = [{{ {EVALUATION} }}]')
    assert caught.value.faults == (f"recipe: sources: must be a table, got {shown}",)


COVERAGE = 'selection = { method = "coverage", %s }'


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('selection = "coverage"', ["selection: must be a table, got 'coverage'"]),
        ('selection.method = "greedy"', ["selection.method: must be 'random' or 'coverage', got 'greedy'"]),
        (COVERAGE % "pool = 1", ["selection.pool: must be at least 2, got 1"]),
        (COVERAGE % "pool = 65", ["selection.pool: must be at most 64, got 65"]),
        (COVERAGE % "pool = 4.0", ["selection.pool: must be a whole number, got 4.0"]),
        (
            COVERAGE % 'control_tokens = "yes"',
            ["selection.control_tokens: must be true or false, got 'yes'"],
        ),
        (COVERAGE % 'letters = ["a"]', ["selection.letters: must be a text, got ['a']"]),
        (COVERAGE % "terms_of = [1]", ["selection.terms_of[0]: must be a text, got 1"]),
        (
            COVERAGE % 'terms_of = ["two", "three"]',
            ["selection.terms_of: no source 'three'; there are one, two"],
        ),
        ('selection.mehtod = "coverage"', ["selection.mehtod: unknown key; did you mean method?"]),
        (
            'selection = { terms_of = "one", letters = "á" }',
            [
                'selection.letters: is for method = "coverage" alone',
                'selection.terms_of: is for method = "coverage" alone',
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_selection_is_said(table: str, said: list[str]) -> None:
    assert faults(f"{table}\n") == said


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("holdout = 64", "holdout: must be a table, got 64"),
        ("holdout.nsamples = 0", "holdout.nsamples: must be above 0, got 0"),
        ('holdout.nsamples = "64"', "holdout.nsamples: must be a whole number, got '64'"),
        ('holdout.output = "x.txt"', r"holdout.output: must be a text that matches \.jsonl$, got 'x.txt'"),
        ("holdout.outptu = 1", "holdout.outptu: unknown key; did you mean output?"),
        # Keys of the recipe itself are not suggested in it.
        ("holdout.sead = 1", "holdout.sead: unknown key"),
        ('holdout.output = "small.jsonl"', "holdout.output: small.jsonl is the first file's name"),
        (
            'holdout.output = "./x.jsonl"\noutput = "x.jsonl"',
            "holdout.output: x.jsonl is the first file's name",
        ),
    ],
)
def test_what_is_wrong_with_a_holdout_is_said(table: str, said: str) -> None:
    assert faults(f"{table}\n") == [said]


@pytest.mark.parametrize("kind", ["keep", "exact"])
def test_a_holdout_needs_sources_without_near_duplicates(kind: str) -> None:
    def said(name: str) -> str:
        return (
            f'holdout: needs duplicates = "near" of every source, and {name} has "{kind}": '
            "else both files may hold the same text"
        )

    assert faults(f'holdout = {{}}\nhygiene.duplicates = "{kind}"\n') == [said("one"), said("two")]
    assert faults("holdout = {}\n", f'hygiene.duplicates = "{kind}"') == [said("two")]


def test_faults_of_all_tables_are_said_at_once() -> None:
    lines = (
        'hygiene.languages = "xx"\nselection.pool = 4\nholdout.output = "small.jsonl"\n'
        'exclude = [{ name = "one" }]\n'
    )
    assert faults(lines, "hygiene.pii = 1") == [
        "sources.two.hygiene.pii: must be 'keep', 'mask' or 'drop', got 1",
        "exclude[0].name: 'one' is the name of another",
        "exclude[0].type: is missing; `calibset sources` lists the adapters",
        f"hygiene.languages: unknown language 'xx'; {UNKNOWN}",
        'selection.pool: is for method = "coverage" alone',
        "holdout.output: small.jsonl is the first file's name",
    ]


def test_a_source_with_a_fault_is_there_all_the_same() -> None:
    assert faults(COVERAGE % 'terms_of = "two"' + "\n", "weight = 0") == [
        "sources.two.weight: must be above 0, got 0"
    ]
