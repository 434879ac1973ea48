from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import iban, luhn, numdb

from calibset.hygiene import pii, pii_phones
from calibset.hygiene.pii import (
    Kind,
    PersonalData,
    TooMuchPersonalData,
    find_personal_data,
    mask_number,
    mask_personal_data,
)

FOUND: list[tuple[Kind, str]] = [
    ("e-mail", "jan.novak@posta.sk"),
    ("e-mail", "J_N+poistka%1@mail.posta-online.co.uk"),
    ("e-mail", "žofia@škôlka.sk"),
    ("e-mail", "12345@163.com"),
    ("e-mail", "jan@почта.рф"),
    ("e-mail", "иван.петров@почта.рф"),
    ("e-mail", "νίκος@ταχυδρομείο.ελ"),
    ("e-mail", "jan@xn--80a1acny.xn--p1ai"),
    ("phone number", "+421 905 123 456"),
    ("phone number", "+421905123456"),
    ("phone number", "+421 (0)905 123 456"),
    ("phone number", "(+421) 905 123 456"),
    ("phone number", "00421 905 123 456"),
    ("phone number", "00 353 1 619 3674"),
    ("phone number", "0905 123 456"),
    ("phone number", "0905123456"),
    ("phone number", "0905/123 456"),
    ("phone number", "0905-123-456"),
    ("phone number", "0905\u00a0123\u00a0456"),
    ("phone number", "02/5720 1234"),
    ("phone number", "(02) 5720 12 34"),
    ("phone number", "041 / 123 45 67"),
    ("phone number", "+420 601 123 456"),
    ("phone number", "+1 (425) 882-8080"),
    ("phone number", "+44 20 7946 0018"),
    ("phone number", "+４２１ ９０５ １２３ ４５６"),
    ("IBAN", "SK31 1200 0000 1987 4263 7541"),
    ("IBAN", "SK3112000000198742637541"),
    ("IBAN", "SK31\u00a01200\u00a00000\u00a01987\u00a04263\u00a07541"),
    ("IBAN", "SK31-1200-0000-1987-4263-7541"),
    ("IBAN", "sk31 1200 0000 1987 4263 7541"),
    ("IBAN", "gb29nwbk60161331926819"),
    ("IBAN", "CZ65 0800 0000 1920 0014 5399"),
    ("IBAN", "GB29 NWBK 6016 1331 9268 19"),
    ("IBAN", "MT84MALT011000012345MTLCAST001S"),
    ("IBAN", "NO93 8601 1117 947"),
    ("birth number", "710319/2745"),
    ("birth number", "7103192745"),
    ("birth number", "710319 / 2745"),
    ("birth number", "385115/123"),
    ("birth number", "710319 2745"),
    ("birth number", "736028\u00a05163"),
    ("birth number", "045229/0014"),
    ("birth number", "122512/3471"),
    ("birth number", "７１０３１９/２７４５"),
    ("card number", "4111 1111 1111 1111"),
    ("card number", "4111111111111111"),
    ("card number", "4111-1111-1111-1111"),
    ("card number", "4111\u202f1111\u202f1111\u202f1111"),
    ("card number", "4222222222222"),
    ("card number", "5555555555554444"),
    ("card number", "2223 0031 2200 3222"),
    ("card number", "3782 822463 10005"),
    ("card number", "378282246310005"),
    ("card number", "3056 930902 5904"),
    ("card number", "6011111111111117"),
    ("card number", "3530111333300000"),
    ("card number", "6250 9470 0000 0000 019"),
    ("card number", "6759649826438453"),
    ("card number", "2200000000000004"),
    ("card number", "٤١١١١١١١١١١١١١١١"),
]

NOT_FOUND = [
    # Addresses of nobody, and what only looks like one.
    "jan@example.com",
    "jan@mail.example.org",
    "root@localhost",
    "jan@server.test",
    "git@github.com:calibset/calibset.git",
    "sea @-@ walls and 1 @,@ 000 @.@ 5",
    "logo@2x.png",
    "left-pad@1.3.0",
    "pkg@1.0.0-beta.rc",
    "@decorator.name",
    "jan@posta",
    "jan@posta.s",
    "jan@-posta.sk",
    "jan@posta..sk",
    "jan.@posta.sk",
    "a @ b.sk",
    # Numbers of a plan that has no such number, or that are no phone numbers.
    "+421 105 123 456",
    "+999 905 123 456",
    "0605 123 456",
    "0905 123 45",
    "0905 123 4567",
    "905 123 456",
    "0.905123456",
    "0,905123456",
    "+1.4258828080",
    "x+14258828080",
    "A0905123456",
    "0905123456B",
    "ISBN 0415123456, 02/1234",
    "ISBN-10: 0-415-12345-6",
    "12. 05. 2024 10:30:00",
    "2024-05-12 10:30:00.123456",
    "192.168.100.200",
    "00000005-0000-0ff1-ce00-000000000000",
    "9780415123457",
    "020 7601 4444",
    # Check digits and forms.
    "SK32 1200 0000 1987 4263 7541",
    "SK31 1200 0000 1987 4263 754",
    "SK31 1200 0000 1987 4263 75412",
    "XX31 1200 0000 1987 4263 7541",
    "ASK31 1200 0000 1987 4263 7541",
    "SK31 1200 0000 1987 4263 7541A",
    "GB29 NWBK 60A6 1331 9268 19",
    "710319/2746",
    "711319/2748",
    "714119/2749",
    "710332/2743",
    "992512/3461",
    "540312/123",
    "385115123",
    "2710319/2745",
    "710319/27451",
    "710319/2745/1",
    "000000-710319/2745",
    "1612151200",
    "17103192745",
    "3.7103192745",
    "7103192745.5",
    "4111 1111 1111 1112",
    "4111 1111 1111 1111 1111",
    "1234 4111 1111 1111 1111",
    "4111 11111111 1111",
    "4111 1111-1111 1111",
    "9111 1111 1111 1110",
    "0.4111111111111111",
    "4111111111111111.5",
    "41111111111111111111",
    "id4111111111111111",
    "1617176400000",
    "6620291452234629",
]


def pieces(text: str) -> list[tuple[Kind, str]]:
    return [(data.kind, text[data.start : data.end]) for data in find_personal_data(text)]


@pytest.mark.parametrize(("kind", "raw"), FOUND)
@pytest.mark.parametrize(
    "around", ["{}", "Píšte na {}, prosím.", "({})", '"{}"', "č.:{}.", "\n{}\n", "<{}>", "{};", "tel={}&a=1"]
)
def test_what_is_found(kind: Kind, raw: str, around: str) -> None:
    assert pieces(around.format(raw)) == [(kind, raw)]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_is_not_found(text: str) -> None:
    assert find_personal_data(text) == []
    assert find_personal_data(f"Pozri {text} a ďalej.") == []
    assert mask_personal_data(text) == (text, Counter())


@pytest.mark.parametrize(
    ("raw", "mask"),
    [
        ("jan.novak@posta.sk", "name@example.com"),
        ("+421 905 123 456", "+421 000 000 000"),
        ("+421 (0)905 123 456", "+421 (0)000 000 000"),
        ("(+421) 905 123 456", "(+421) 000 000 000"),
        ("00421 905 123 456", "00000 000 000 000"),
        ("02/5720 1234", "00/0000 0000"),
        ("+1 (425) 882-8080", "+1 (000) 000-0000"),
        ("SK31 1200 0000 1987 4263 7541", "SK00 0000 0000 0000 0000 0000"),
        ("GB29NWBK60161331926819", "GB00XXXX00000000000000"),
        ("710319/2745", "700000/0000"),
        ("7103192745", "7000000000"),
        ("4111-1111-1111-1111", "4000-0000-0000-0000"),
        ("３７８２８２２４６３１０００５", "３00000000000000"),
    ],
)
def test_a_stand_in_has_the_form_of_what_it_stands_for(raw: str, mask: str) -> None:
    text, counts = mask_personal_data(f"Tu: {raw}.")
    assert text == f"Tu: {mask}."
    assert counts.total() == 1
    assert mask_personal_data(text) == (text, Counter())


def test_all_of_a_text_in_order() -> None:
    text = (
        "Ján Novák (r. č. 710319/2745), jan@posta.sk, mobil 0905 123 456/0907 654 321, "
        "účet SK31 1200 0000 1987 4263 7541, karta 4111 1111 1111 1111, platná 12/27."
    )
    assert find_personal_data(text)[0] == PersonalData("birth number", 17, 28, "700000/0000")
    assert [kind for kind, _ in pieces(text)] == [
        "birth number",
        "e-mail",
        "phone number",
        "phone number",
        "IBAN",
        "card number",
    ]
    assert mask_personal_data(text) == (
        "Ján Novák (r. č. 700000/0000), name@example.com, mobil 0000 000 000/0000 000 000, "
        "účet SK00 0000 0000 0000 0000 0000, karta 4000 0000 0000 0000, platná 12/27.",
        Counter({"phone number": 2, "birth number": 1, "e-mail": 1, "IBAN": 1, "card number": 1}),
    )


def test_lists_without_spaces() -> None:
    assert [kind for kind, _ in pieces("1,4111111111111111,123,7103192745,+421905123456,+420601123456")] == [
        "card number",
        "birth number",
        "phone number",
        "phone number",
    ]


def test_the_next_number_is_none_of_it() -> None:
    assert pieces("0905 123 456 2024") == [("phone number", "0905 123 456")]
    assert pieces("+421 905 123 456, 12 kusov") == [("phone number", "+421 905 123 456")]
    assert pieces("+421 905 123 456 12 kusov") == [("phone number", "+421 905 123 456")]


def test_a_mobile_number_is_a_phone_number_before_a_birth_number() -> None:
    number = "0903041234"
    assert [kind for kind, _ in pieces(number)] == ["phone number"]


def test_arguments_stay_json_with_the_same_keys() -> None:
    def text_of(phone: str, second: str, first_mail: str, last_mail: str, account: str) -> str:
        return f'line\nmobil:\t{phone}\n{second} "{first_mail}"\n{last_mail}\n{account}'

    arguments = {
        "card": 4111111111111111,
        "born": 7103192745,
        "timestamp": 1612151200,
        "note": text_of(
            "0905 123 456", "0907 654 321", "jan@posta.sk", "ábel@posta.sk", "SK3112000000198742637541"
        ),
    }
    expected = {"card": 4000000000000000, "born": 7000000000, "timestamp": 1612151200}
    masks = ("0000 000 000", "0000 000 000", "name@example.com")
    plain, counts = mask_personal_data(json.dumps(arguments, ensure_ascii=False))
    note = text_of(*masks, "name@example.com", "SK0000000000000000000000")
    assert json.loads(plain) == expected | {"note": note}
    assert counts == Counter({"phone number": 2, "e-mail": 2, "card number": 1, "birth number": 1, "IBAN": 1})
    escaped, again = mask_personal_data(json.dumps(arguments))
    note = text_of(*masks, "áname@example.com", "SK0000000000000000000000")
    assert json.loads(escaped) == expected | {"note": note}
    assert again == counts


def mobile_numbers() -> list[phonenumbers.PhoneNumber]:
    """Return an example of each country, but for islands whose numbers have fewer than nine digits."""
    kind = phonenumbers.PhoneNumberType.MOBILE
    examples = (phonenumbers.example_number_for_type(one, kind) for one in phonenumbers.SUPPORTED_REGIONS)
    numbers = {f"{one.country_code}{one.national_number}": one for one in examples if one}
    return [one for digits, one in sorted(numbers.items()) if len(digits) >= 9]


@pytest.mark.parametrize("number", mobile_numbers(), ids=str)
def test_the_stand_in_of_a_phone_number_is_none(number: phonenumbers.PhoneNumber) -> None:
    for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164):
        raw = phonenumbers.format_number(number, form)
        text, counts = mask_personal_data(raw)
        assert counts == Counter({"phone number": 1})
        assert text.startswith(f"+{number.country_code}")
        assert set(text) <= set(f"+{number.country_code}0 .-")
        assert find_personal_data(text) == []


def ibans() -> st.SearchStrategy[str]:
    countries = [country for country, *_ in _country_forms()]
    forms = dict(_country_forms())

    def build(country: str, digits: str) -> str:
        letters = "".join(
            ("A" if kind == "a" else digits[at % len(digits)]) * int(count)
            for at, (count, kind) in enumerate(forms[country])
        )
        return str(iban.calc_check_digits(f"{country}00{letters}")).join((country, letters))

    return st.builds(build, st.sampled_from(countries), st.text("0123456789", min_size=1, max_size=9))


def _country_forms() -> list[tuple[str, list[tuple[str, str]]]]:
    known = [f"{one}{two}" for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for two in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    forms = [(country, numdb.get("iban").info(country)[0][1].get("bban")) for country in known]
    return [(country, re.findall(r"(\d+)!([nac])", form)) for country, form in forms if form]


@given(ibans(), st.booleans())
def test_every_iban_is_found_and_no_stand_in_is(number: str, spaced: bool) -> None:
    raw = iban.format(number) if spaced else number
    assert pieces(f"účet {raw}, banka") == [("IBAN", raw)]
    text, _ = mask_personal_data(raw)
    assert text[:4] == f"{number[:2]}00"
    assert len(text) == len(raw)
    assert find_personal_data(text) == []


@given(
    st.sampled_from(["4", "51", "2221", "34", "36", "6011", "3528"]),
    st.text("0123456789", min_size=15, max_size=15),
)
def test_a_card_number_needs_its_check_digit(issuer: str, digits: str) -> None:
    body = (issuer + digits)[: {"34": 14, "36": 13}.get(issuer, 15)]
    check = luhn.calc_check_digit(body)
    assert [kind for kind, _ in pieces(body + check)] == ["card number"]
    wrong = str((int(check) + 1) % 10)
    assert "card number" not in [kind for kind, _ in pieces(body + wrong)]
    assert find_personal_data(mask_personal_data(body + check)[0]) == []


PARTS = st.sampled_from(
    [
        *(raw for _, raw in FOUND),
        *NOT_FOUND,
        "@", "@b.cc", ".", "-", "+", "0", "00", "1", "+421", " ", "/", "(", "\\n", "\\", "\\u00e1", ",",
    ]
)  # fmt: skip


@given(
    st.lists(PARTS | st.text(max_size=3), max_size=12), st.sampled_from(["", " ", "@", ".", ",", "-", "/"])
)
@example(["a@b.cc", "b.cc", "b.cc"], "@")
@example(["0905 123 456", "0905 123 456"], " ")
@example(["4111 1111 1111 1111", "4111 1111 1111 1111"], " ")
def test_what_is_masked_is_clean(parts: list[str], join: str) -> None:
    text = join.join(parts)
    pieces = find_personal_data(text)
    assert all(piece.end <= following.start for piece, following in pairwise(pieces))
    clean, counts = mask_personal_data(text)
    assert find_personal_data(clean) == []
    assert mask_personal_data(clean) == (clean, Counter())
    assert counts.total() >= len(pieces)
    assert (clean == text) == (not pieces)
    for control in "<[]>":
        assert clean.count(control) <= text.count(control)


@given(
    st.lists(PARTS | st.text("0149+(). /-\u2009", max_size=6), max_size=15),
    st.sampled_from(["", " ", ",", ", "]),
)
def test_numbers_beside_each_other_are_found_as_each_by_itself(parts: list[str], join: str) -> None:
    text = join.join(parts)
    found = find_personal_data(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pii, "_find_ranges", find_each_range)
        assert find_personal_data(text) == found


def find_each_range(text: str) -> list[tuple[int, int]]:
    """Return where numbers may stand, one range for each."""
    found = re.finditer(r"\d[\d \u00a0\u2007\u2009\u202f\u2010-\u2013/.()-]{7,}\d", text)
    return [(max(match.start() - 2, 0), match.end() + 6) for match in found]


@given(st.text("0123456789", min_size=13, max_size=19))
@example("4111111111111111")
def test_cards_are_checked_as_stdnum_checks_them(number: str) -> None:
    found = [piece.kind for piece in find_personal_data("4" + number[1:])]
    assert ("card number" in found) <= luhn.is_valid("4" + number[1:])
    if len(number) == 16:
        assert ("card number" in found) == luhn.is_valid("4" + number[1:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", ["jan@posta.sk ", "SK3112000000198742637541 ", "4111111111111111, ", "+421 905 123 456, "]
)
def test_a_directory_is_refused(unit: str) -> None:
    assert len(find_personal_data(unit * 10_000)) == 10_000
    for look in (find_personal_data, mask_personal_data):
        with pytest.raises(TooMuchPersonalData):
            look(unit * 10_001)


HOSTILE = {
    "letters": "a", "at": "@", "domains": "@b.cc", "labels": "@a.", "dots": ".@", "digits": "1",
    "spaced": "1 ", "zeros": "0", "groups": "4111 ", "pluses": "+1", "gaps": "1     ", "heads": "SK31",
    "escapes": "\\n0", "slashes": "0/", "brackets": "(0", "decimals": "0.0.0.1.", "spaces": "0\u00a0",
}  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.slow
def test_a_megabyte_of_the_same_ends(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    if unit == "@b.cc":
        with pytest.raises(TooMuchPersonalData):
            mask_personal_data(text)
    else:
        assert mask_personal_data(text) == (text, Counter())


@pytest.mark.parametrize(
    ("number", "mask", "kind"),
    [
        (4111111111111111, 4000000000000000, "card number"),
        (-4111111111111111, -4000000000000000, "card number"),
        (6250947000000000019, 6000000000000000000, "card number"),
        (7103192745, 7000000000, "birth number"),
    ],
)
def test_numbers_are_masked_with_as_many_digits(number: int, mask: int, kind: Kind) -> None:
    assert mask_number(number) == (mask, Counter({kind: 1}))
    assert mask_number(mask) == (mask, Counter())


@pytest.mark.parametrize(
    "number",
    [0, -1, 1612151200, 4111111111111112, 421905123456, 10**19, 7 * 10**5000],
    ids=lambda number: f"{number.bit_length()} bits",
)
def test_other_numbers_stay(number: int) -> None:
    assert mask_number(number) == (number, Counter())


@given(st.integers())
def test_a_masked_number_has_as_many_digits(number: int) -> None:
    assert len(str(mask_number(number)[0])) == len(str(number))


class Lookups:
    """Counts what is looked up in the plans."""

    def __init__(self) -> None:
        self.numbers: list[str] = []

    def __call__(self, number: str) -> int | None:
        self.numbers.append(number)
        return 421 if number.endswith("7") else None


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Lookups:
    lookups = Lookups()
    monkeypatch.setattr(pii_phones, "_look_up", lookups)
    return lookups


@pytest.mark.parametrize("unit", ["+1 1 1 1 ", "0905 123 456 ", "+49 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 ", "+1"])
def test_each_number_is_looked_up_once(lookups: Lookups, unit: str) -> None:
    mask_personal_data(unit * 10_000)
    assert len(lookups.numbers) == len(set(lookups.numbers)) <= 20
    assert all(9 <= len(number.lstrip("+")) <= 15 for number in lookups.numbers)


def test_so_many_numbers_of_a_text_are_looked_up_and_no_more(
    lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pii_phones, "MOST_LOOKUPS", 100)
    clean, counts = mask_personal_data(" ".join(f"+4219{number:08}" for number in range(0, 3000, 10)))
    assert len(lookups.numbers) == 100
    assert counts == Counter({"phone number": 200})
    assert clean.split()[98:102] == ["+421900000980", "+421900000990", "+000000000000", "+000000000000"]
    assert mask_personal_data(clean) == (clean, Counter())


def test_numbers_without_a_country_are_not_looked_up(lookups: Lookups) -> None:
    assert mask_personal_data("+999 905 123 457, 00 999 905 123 457")[1] == Counter()
    assert lookups.numbers == []


def test_stand_ins_that_make_new_numbers_over_and_over_end() -> None:
    text = "0905 1234 01" + " 421 905 12 30 01" * 1_000
    clean, counts = mask_personal_data(text)
    assert clean == re.sub(r"\d", "0", text)
    assert counts == Counter({"phone number": 5})
    assert mask_personal_data(clean) == (clean, Counter())


@pytest.mark.parametrize("raw", [raw for kind, raw in FOUND if kind == "phone number"])
def test_a_number_is_valid_by_its_digits_alone(raw: str) -> None:
    parsed = phonenumbers.parse(raw, "SK")
    digits = ("+" if "+" in raw else "") + pii_phones.extract_digits(raw)
    assert phonenumbers.parse(digits, "SK") == parsed
