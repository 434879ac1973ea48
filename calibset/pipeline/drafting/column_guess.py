"""Which columns of a table hold a text or a dialogue, guessed from their names and what is in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calibset.sources.formats.columns import find_value
from calibset.sources.formats.question_columns import find_question_columns

# Words of column names in the languages of Europe, without accents; the last word of a name counts most.
_QUESTIONS = (
    "question", "questions", "frage", "fragen", "anfrage", "kundenfrage", "otazka", "dotaz", "pytanie",
    "kerdes", "pregunta", "domanda", "vraag", "pergunta", "fraga", "sporsmal", "spørgsmal", "kysymys",
    "intrebare", "vprasanje", "pitanje", "instruction", "prompt", "query", "user", "human", "customer",
)  # fmt: skip
_ANSWERS = (
    "answer", "answers", "antwort", "antworten", "odpoved", "odpowiedz", "valasz", "respuesta", "reponse",
    "risposta", "antwoord", "resposta", "svar", "vastaus", "raspuns", "odgovor", "output", "completion",
    "response", "reply", "assistant", "agent",
)  # fmt: skip
_CONTEXTS = ("context", "kontext", "contexte", "contexto", "contesto", "passage")
_SYSTEMS = ("system", "system_prompt")
_TEXTS = (
    "text", "content", "body", "document", "article", "page_content", "markdown", "raw_content", "contents",
    "vertragstext", "inhalt", "dokument", "obsah", "telo", "tresc", "tekst", "texte", "texto", "testo",
    "contenu",
)  # fmt: skip
_TITLES = ("title", "titel", "titre", "titulo", "titolo", "nazov", "nazev", "heading", "subject", "betreff")
_TURN_KEYS = (frozenset(("role", "content")), frozenset(("from", "value")))
# Characters of a column's texts on average, below which it holds names or codes, not prose.
_PROSE = 40
_MOST_COLUMNS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnGuess:
    """What the columns of a table are taken for.

    Attributes:
        turns: The column of a dialogue's turns, if there is one.
        has_history: Whether a table of instructions has earlier exchanges too, as LLaMA-Factory's.
        columns: The columns of a text, or those of each turn; empty if nothing was found.
        is_certain: Whether names or contents leave no doubt.
        candidates: The columns that hold text, the likeliest first.
        is_named: Whether the names of the columns tell.
    """

    turns: str | None = None
    has_history: bool = False
    columns: tuple[str, ...] | Mapping[str, str | tuple[str, ...]] = ()
    is_certain: bool = True
    candidates: tuple[str, ...] = ()
    is_named: bool = False


def guess_columns(rows: Sequence[Mapping[str, Any]]) -> ColumnGuess:
    """Return what the columns of a table's first rows hold.

    Examples:
        >>> guess_columns([{"Nr": "1", "Frage": "Was ist Hagel?", "Antwort": "Eis."}]).columns
        {'user': 'Frage', 'assistant': 'Antwort'}
        >>> guess_columns([{"id": 7, "translation": {"sk": "Ľad z oblakov padá.", "en": "Ice."}}]).candidates
        ('translation.sk', 'translation.en')
    """
    names = dict.fromkeys(name for row in rows for name in list(row)[:_MOST_COLUMNS])
    for name in names:
        if any(_holds_turns(row.get(name)) for row in rows):
            return ColumnGuess(turns=name)
    # An answer may be a number, a text is not.
    paths = list(dict.fromkeys(path for row in rows for path in _list_paths(row)))
    lengths = _measure(rows, paths)
    candidates = tuple(sorted(lengths, key=lambda name: -lengths[name]))
    if found := _find_dialogue(paths):
        has_history = any(isinstance(row.get("history"), list) for row in rows)
        return ColumnGuess(columns=found, candidates=candidates, has_history=has_history, is_named=True)
    texts = [name for name in lengths if _words(name) and _words(name)[-1] in _TEXTS]
    if texts:
        titles = [name for name in lengths if _fold(name) in _TITLES]
        best = min(texts, key=lambda name: (_TEXTS.index(_words(name)[-1]), candidates.index(name)))
        return ColumnGuess(columns=(*titles[:1], best), candidates=candidates, is_named=True)
    if not candidates:
        return ColumnGuess()
    prose = [name for name in candidates if lengths[name] >= _PROSE]
    return ColumnGuess(
        columns=(candidates[0],), is_certain=len(prose) == 1 or len(candidates) == 1, candidates=candidates
    )


def _holds_turns(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], Mapping)
        and any(keys <= value[0].keys() for keys in _TURN_KEYS)
    )


def _measure(rows: Sequence[Mapping[str, Any]], paths: Iterable[str]) -> dict[str, float]:
    """Return the mean length of the text at each path that holds words."""
    lengths = {}
    for path in paths:
        values = [value for row in rows if isinstance(value := find_value(row, path), str)]
        # A number in a CSV file is a text as well.
        texts = [value for value in values if any(character.isalpha() for character in value)]
        if texts and len(texts) * 2 >= len(values):
            lengths[path] = sum(map(len, texts)) / len(rows)
    return lengths


def _list_paths(value: Any, prefix: str = "", depth: int = 3) -> Iterable[str]:
    if isinstance(value, str):
        yield prefix
    elif isinstance(value, Mapping) and depth:
        for key, item in list(value.items())[:_MOST_COLUMNS]:
            yield from _list_paths(item, f"{prefix}.{key}" if prefix else str(key), depth - 1)
    elif isinstance(value, list) and value and depth:
        yield from _list_paths(value[0], f"{prefix}.0", depth - 1)


def _find_dialogue(names: Sequence[str]) -> dict[str, str | tuple[str, ...]] | None:
    """Return the columns of the turns of a question and its answer, if the names tell."""
    if known := find_question_columns(names):
        columns: dict[str, str | tuple[str, ...]] = {
            "system": known.system or "",
            "context": known.context or "",
            "user": (known.user, known.input) if known.input else known.user,
            "assistant": known.assistant,
        }
    else:
        user, assistant = _find(names, _QUESTIONS), _find(names, _ANSWERS)
        if not user or not assistant or user == assistant:
            return None
        columns = {
            "system": _find(names, _SYSTEMS) or "",
            "context": _find(names, _CONTEXTS) or "",
            "user": user,
            "assistant": assistant,
        }
    return {role: name for role, name in columns.items() if name}


def _find(names: Sequence[str], words: Sequence[str]) -> str | None:
    """Return the first name that is one of the words, or else the first that has one of them."""
    whole = next((name for name in names if _fold(name) in words), None)
    return whole or next((name for name in names if any(word in words for word in _words(name))), None)


def _fold(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.strip().lower())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", _fold(name)) if word and not word.isdigit()]
