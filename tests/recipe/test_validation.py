from __future__ import annotations

import pytest

from calibset.recipe.loader import parse_recipe
from tests.recipe.recipes import GOOD, TWO_SOURCES, find_faults


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
    assert find_faults(GOOD + f"weight = {value}") == [f"sources.one.weight: {fault}"]


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
    assert find_faults(GOOD.replace("a = 1.0", f"a = {value}")) == [f"groups.a: {fault}"]


@pytest.mark.parametrize(
    ("shares", "total"), [("a = 0.5", "0.5"), ("a = 0.9989", "0.9989"), ("a = 0.7\nb = 0.7", "1.4")]
)
def test_shares_sum_to_one(shares: str, total: str) -> None:
    first, *_ = find_faults(GOOD.replace("a = 1.0", shares))
    assert first == f"groups: shares must sum to 1, got {total}"


@pytest.mark.parametrize("shares", ["a = 0.999", "a = 1"])
def test_shares_may_be_rounded(shares: str) -> None:
    assert parse_recipe(GOOD.replace("a = 1.0", shares)).mixture.quotas() == {"one": 512}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            'fill = "a"',
            ["fill: 'a' has a share in groups; the fill group takes only what others can't give"],
        ),
        ('fill = "z"', ["fill: no source is in group 'z'"]),
        ('shortage = "fill"', ['shortage: "fill" needs a fill group; name one with fill = "…"']),
    ],
)
def test_a_fill_group_has_sources_and_no_share(lines: str, expected: list[str]) -> None:
    assert find_faults(lines + GOOD) == expected


def test_a_group_has_a_source() -> None:
    assert find_faults(GOOD.replace("a = 1.0", "a = 0.5\nb = 0.5")) == ["groups.b: no source is in it"]


def faults(lines: str, behind: str = "") -> list[str]:
    """Return what is wrong with a recipe that begins with these lines, or whose last table ends so."""
    return find_faults(lines + TWO_SOURCES + behind)


REPAIRS = "'mojibake', 'controls', 'private use', 'invisible' or 'NFC'"


FILTERS = (
    "'length', 'words', 'symbols', 'bullets', 'lines', 'repetition', 'notices', 'filler', 'braces', "
    "'tokenised' or 'damaged'"
)


UNKNOWN = "codes are those of ISO 639-1, such as sk and en"


@pytest.mark.parametrize(
    ("table", "expected"),
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
    table: str, expected: str
) -> None:
    assert faults(f"{table}\n") == [expected]
    assert faults("", table) == [f"sources.two.{expected}"]


@pytest.mark.parametrize(
    ("table", "expected"),
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
def test_what_is_wrong_with_decontamination_is_said(table: str, expected: str) -> None:
    assert faults(f"{table}\n") == [expected]


COVERAGE = 'selection = { method = "coverage", %s }'


@pytest.mark.parametrize(
    ("table", "expected"),
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
                'selection.letters: is only for method = "coverage"',
                'selection.terms_of: is only for method = "coverage"',
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_selection_is_said(table: str, expected: list[str]) -> None:
    assert faults(f"{table}\n") == expected


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("holdout = 64", "holdout: must be a table, got 64"),
        ("holdout.nsamples = 0", "holdout.nsamples: must be above 0, got 0"),
        ('holdout.nsamples = "64"', "holdout.nsamples: must be a whole number, got '64'"),
        ('holdout.output = "x.txt"', r"holdout.output: must be a text that matches \.jsonl$, got 'x.txt'"),
        ("holdout.outptu = 1", "holdout.outptu: unknown key; did you mean output?"),
        ("holdout.sead = 1", "holdout.sead: unknown key; did you mean seed?"),
        ('holdout.output = "small.jsonl"', "holdout.output: small.jsonl is the first file's name"),
        (
            'holdout.output = "./x.jsonl"\noutput = "x.jsonl"',
            "holdout.output: x.jsonl is the first file's name",
        ),
    ],
)
def test_what_is_wrong_with_a_holdout_is_said(table: str, expected: str) -> None:
    assert faults(f"{table}\n") == [expected]


@pytest.mark.parametrize("kind", ["keep", "exact"])
def test_a_holdout_needs_sources_without_near_duplicates(kind: str) -> None:
    def unfit(name: str) -> str:
        return (
            f'holdout: needs duplicates = "near" for every source, and {name} has "{kind}": '
            "otherwise both files may hold the same text"
        )

    assert faults(f'holdout = {{}}\nhygiene.duplicates = "{kind}"\n') == [unfit("one"), unfit("two")]
    assert faults("holdout = {}\n", f'hygiene.duplicates = "{kind}"') == [unfit("two")]


def test_faults_of_all_tables_are_said_at_once() -> None:
    lines = (
        'hygiene.languages = "xx"\nselection.pool = 4\nholdout.output = "small.jsonl"\n'
        'exclude = [{ name = "one" }]\n'
    )
    assert faults(lines, "hygiene.pii = 1") == [
        "sources.two.hygiene.pii: must be 'keep', 'mask' or 'drop', got 1",
        "exclude[0].name: 'one' is already the name of another table",
        "exclude[0].type: is missing; `calibset sources` lists the adapters",
        f"hygiene.languages: unknown language 'xx'; {UNKNOWN}",
        'selection.pool: is only for method = "coverage"',
        "holdout.output: small.jsonl is the first file's name",
    ]


def test_a_source_with_a_fault_is_there_all_the_same() -> None:
    assert faults(COVERAGE % 'terms_of = "two"' + "\n", "weight = 0") == [
        "sources.two.weight: must be above 0, got 0"
    ]
