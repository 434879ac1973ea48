"""Guesses of the encoding of a text file: for messages, and for a recipe that is written for a corpus."""

from __future__ import annotations

from calibset.hygiene.code_pages import find_code_page
from calibset.hygiene.language import identify_language
from calibset.storage.compression import open_decompressed
from calibset.storage.encodings import find_encoding
from calibset.storage.files import File

# What a file that isn't UTF-8 is likely to be in, as charset-normalizer spells it.
_LIKELY = [
    "cp1250", "cp1252", "iso8859_2", "cp1251", "koi8_r", "cp852", "cp437", "mac_roman", "cp1253", "cp1254",
    "cp1257", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "utf_16", "utf_32",
]  # fmt: skip
_LOOKED_AT = 2**16

# What the library can't tell apart, since it looks at how likely letters are anywhere in Europe.
_LATIN = (
    "cp1250", "cp1252", "cp1254", "cp1257", "cp852", "cp437", "mac_roman", "iso8859_2",
)  # fmt: skip
# The letters beside ASCII of the languages that are written in windows-1250, and in windows-1252.
_CENTRAL = {
    "sk": "áäčďéíĺľňóôŕšťúýž", "cs": "áčďéěíňóřšťúůýž", "pl": "ąćęłńóśźż", "hu": "áéíóöőúüű", "sl": "čšž",
    "hr": "čćđšž", "bs": "čćđšž", "ro": "ăâîşţ",
}  # fmt: skip
_WESTERN = {
    "de": "äöüß", "fr": "àâæçèéêëîïôœùûüÿ", "es": "áéíñóúü", "it": "àèéìíîòóùú", "pt": "áâãàçéêíóôõúü",
    "nl": "áèéëïíóöü", "sv": "åäöéü", "da": "æøåé", "no": "æøåéòô", "nb": "æøåéòô", "nn": "æøåéòô",
    "fi": "äöåšž", "en": "éèêïöüàç", "is": "áðéíóúýþæö", "ca": "àçèéíïòóúü", "lb": "äëéüö",
}  # fmt: skip


def guess_encoding(content: bytes) -> str | None:
    """Return the encoding that the beginning of a file is probably in; None if there is no telling.

    Examples:
        >>> text = "Ľudia žijú pri rieke, ktorá tečie na juh; škoda, že často mení šírku."
        >>> guess_encoding(text.encode("cp1250"))
        'cp1250'
    """
    # The library takes windows-1250 for windows-1252 where few letters differ.
    if code_page := find_code_page(content.decode("latin-1")):
        return code_page
    import charset_normalizer

    best = charset_normalizer.from_bytes(content, cp_isolation=_LIKELY).best()
    if best is None:
        return None
    encoding = _choose_latin(content, best.encoding) if best.encoding in _LATIN else best.encoding
    return encoding.replace("_", "-")


def _choose_latin(content: bytes, best: str) -> str:
    """Return in which of the code pages of Latin letters a text has most letters of its language."""
    language = identify_language(content.decode("cp1252", "replace")).code
    usual = ("cp1250", "cp1252") if language in _CENTRAL else ("cp1252", "cp1250")
    scores = {encoding: _count_letters(content, encoding) for encoding in (*usual, best)}
    return max(scores, key=lambda encoding: scores[encoding])  # the first of equal ones


def _count_letters(content: bytes, encoding: str) -> int:
    """Return how many letters beside ASCII a text has that are its language's, less those that aren't."""
    text = content.decode(encoding, "replace")
    language = identify_language(text).code
    letters = {**_CENTRAL, **_WESTERN}.get(language, "")
    count = 0
    for character in text.lower():
        if character == "\ufffd" or (character.isalpha() and not character.isascii()):
            count += 1 if character in letters else -1
    return count


def suggest_encoding(file: File) -> str:
    """Return what a message says of the encoding that a file seems to have; empty if its own is right."""
    with open_decompressed(file) as stream:
        head = stream.read(_LOOKED_AT)
    if len(head) == _LOOKED_AT:  # its last line may be cut off inside a character
        head = head[: head.rfind(b"\n") + 1] or head
    try:
        head.decode(find_encoding(head, file.encoding))
    except UnicodeDecodeError:
        guess = guess_encoding(head)
        return f"{file.name} is perhaps {guess}" if guess else f"the encoding of {file.name} is unknown"
    return ""
