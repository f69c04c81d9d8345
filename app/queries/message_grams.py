"""What a filter looks for, as codes that the blocks of the search index have (models.message_search).

A block has the trigrams of its records' texts, as pg_trgm cuts them: of words, with two blanks before and
one behind. A text that is looked for may begin and end within a word, so only those of its trigrams count
that are there whatever stands beside it. What has no such trigrams is not found by the index.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from app.protocol.states import MessageType
from app.queries.message_filter import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy.orm import Session

    from app.queries.message_filter import Term

ERROR: Final = -1
"""The code of a block with a record of an error."""
TYPES: Final = {each: -10 - place for place, each in enumerate(MessageType)}
"""The codes of blocks with a record of these message types."""
_NAMES: Final = frozenset({"method", "session", "caller", "id"})
"""Fields whose value, but for its asterisks, stands in a block's text as a word of its own."""
_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_LENGTH: Final = 3


def slice_code(number: int) -> int:
    """Return the code that all blocks of a slice have."""
    return -1000 - number


def needed(session: Session, terms: Sequence[Term]) -> AbstractSet[int]:
    """Return codes that every block has in which a record matches; none where the index cannot help."""
    positive = [term for term in terms if not term.negated]
    single = [term for term in positive if _alone(term, positive)]
    texts = [(part, exact) for term in single for part, exact in _texts(term)]
    codes = {code for term in single for code in _facts(term)}
    for (_, exact), text in zip(texts, _lowered(session, [text for text, _ in texts]), strict=True):
        codes |= trigrams(text, whole=exact)
    return codes


def trigrams(text: str, *, whole: bool = False) -> AbstractSet[int]:
    """Return the trigrams that any text has in which this one, ASCII in small letters, stands.

    With `whole` there are no letters before and behind it.
    """
    found: set[int] = set()
    for word in _WORD.finditer(text):
        before = "  " if whole or word.start() > 0 else ""
        behind = " " if whole or word.end() < len(text) else ""
        padded = f"{before}{word[0]}{behind}".encode()
        found |= {int.from_bytes(padded[at : at + _LENGTH]) for at in range(len(padded) - _LENGTH + 1)}
    return found


def spellings(text: str) -> Sequence[str]:
    """Return how a text may stand in a record: as it is, and as JSON writes it."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    return [text] if written == text else [text, written]


def _alone(term: Term, positive: Iterable[Term]) -> bool:
    """Tell whether a term must hold itself: several of one field are alternatives, but for texts."""
    return term.field == TEXT or all(other is term or other.field != term.field for other in positive)


def _texts(term: Term) -> Iterable[tuple[str, bool]]:
    """Give the texts that a record has for which a term holds, and whether each stands alone there."""
    if term.field == TEXT:
        # Written as JSON a text has more, such as an n where a line ends: its parts between are the same.
        return [(part, False) for part in re.split(r"[\x00-\x1f\"\\]", term.value)]
    if term.field in _NAMES:
        parts = term.value.split("*")
        return [(part, len(parts) == 1) for part in parts]
    return []


def _facts(term: Term) -> Iterable[int]:
    if term.field == "type":
        return [TYPES[MessageType(term.meaning)]]
    return [ERROR] if (term.field, term.value) == ("status", "error") else []


def _lowered(session: Session, texts: Sequence[str]) -> Sequence[str]:
    """Write texts as `message_grams` does before it cuts them: in small letters, ASCII only."""
    if not texts:
        return []
    written = [func.encode(func.convert_to(func.lower(each), "UTF8"), "escape") for each in texts]
    return session.execute(select(*written)).one()
