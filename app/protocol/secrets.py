"""The table of rules made ready to use: what a name tells, and one look that finds whatever may be a secret.

All searches are RE2's, which takes linear time for every pattern (docs/adr/0015). A form may not begin in the
midst of a run of its own characters, so that searching again after each find takes no more.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import re2

from app.protocol.redaction_rules import (
    ABOUT,
    EVERYWHERE,
    FORMS,
    HINTS,
    NAMES,
    NO_HINTS,
    PLAIN_TOKENS,
    Name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MEMORY: Final = 4 << 20
"""Bytes for a pattern's automaton, which it fills in the course of a million strange frames; where it needs
more, RE2 begins it anew, or is slower but still linear. On recorded frames 64 MiB are no faster."""
MAX_CACHED: Final = 64
"""Characters of a name or text that is kept: longer ones are rare, and strangers choose them."""

MOST_FINDS: Final = 20_000
"""A text in which a rule finds more is hidden whole, so that nobody can make redaction long with them."""

_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""Not str.lower, which makes a k of the Kelvin sign, too: JSON's escapes would hide that from the look."""
_MARKED: Final = re.compile("«[^»]*+»")
_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[-_. ]{1,2}", re.ASCII)
_FEW: Final = 6
_COUNT: Final = re.compile(r"\{([0-9]+)(?:,[0-9]*)?\}")

# Between a name and its value, also as JSON text escapes it.
_GAP: Final = r"(?:[\s\"'`\\]|\\[tnr]){0,12}"
# In JSON text: an escape that may hide a character that rules look for or that PostgreSQL refuses, and a
# number that it would refuse or blow up.
_ESCAPED: Final = r"\\u00[0-7]|\\u[dD][89a-fA-F]|\\/|(?:^|[:\[,\s])-?[0-9.]+[eE][+-]?[0-9]{4}|\x00|«"
_CONTEXT: Final = (
    _ESCAPED,
    r"://[^\s/?#\"'<>\\`]*@",
    "-----BEGIN",
    ";base64,",
    r"(?i:basic)(?:[ \t]|\\t){1,8}[\w.~+/=-]{8}",
    r"-(?:[upaw]|-user)(?:[=\"']|\\[\"'tnr]|\s)",
    r":(?:[56][0-9]{3}|\*):[^:\s]+:[^:\s]+:",
)
# Every character of base64, a path or a name becomes a w, every other one a blank.
_RUNS: Final = bytes(
    ord("w" if re.fullmatch(r"[\w+/-]", chr(each), re.ASCII) else " ") for each in range(256)
)
_LONG_RUN: Final = b"w" * 60


def compiled(pattern: str) -> re2._Regexp:
    """Compile a pattern in RE2's syntax, with memory enough for our long ones. Raises re2.error."""
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return re2.compile(pattern, options)


def has_long_run(raw: bytes) -> bool:
    """Tell whether 60 characters stand in a run, as in every base64 blob, in one line or in many."""
    return _LONG_RUN in raw.translate(_RUNS)  # for most frames a fifth of what a search by pattern takes


class TooMany(Exception):
    """A text has more finds of a rule than anybody needs to tell apart."""


def finds(pattern: re2._Regexp, text: str) -> Iterator[re2._Match]:
    """Give what a pattern finds, one after the other. Raises TooMany: each find takes Python microseconds."""
    for count, found in enumerate(pattern.finditer(text)):
        if count == MOST_FINDS:
            raise TooMany
        yield found


class Secrets:
    """All rules, compiled: the table's, and an operator's own names and forms."""

    def __init__(self, names: Iterable[str] = (), forms: Iterable[tuple[str, str]] = ()) -> None:
        every = [*(Name("secret", re.escape(_words(name)), name) for name in names), *NAMES]
        self._names = [(each.kind, _whole(each.words)) for each in every]
        sure = _anywhere("|".join(each.words for each in every))
        hinted = rf"{_anywhere(HINTS)}[\w.-]*{_GAP}[=:,>|]{{1,3}}{_GAP}[\w+/=.~%-]{{12}}"
        known = "|".join(relaxed(form.sign or form.pattern) for form in FORMS)
        text = rf"{'|'.join(_CONTEXT)}|{sure}(?:[^a-z]|$)|{hinted}|{known}"
        stems = "|".join([*(each.words for each in every), HINTS])
        self.stems = _anywhere(stems, between="[-_.]")
        """Finds the words of all names that tell or may tell a secret, in one word of a text."""
        self.in_text = compiled(text)
        """Finds something in every text that holds a secret, and in few others; but see `has_long_run`."""
        self.in_frame = compiled(f'{text}|"(?:{"|".join(EVERYWHERE)})"')
        """The same for a frame's JSON text, with the places."""
        self.own_forms = [(kind, compiled(pattern)) for kind, pattern in forms]
        self._kind_of_short = lru_cache(maxsize=4096)(self._kind_of_name)

    def kind_of_name(self, name: str) -> str | None:
        """Return what kind of secret a key, variable or header of this name holds; None for none."""
        return self._kind_of_short(name) if len(name) <= MAX_CACHED else self._kind_of_name(name)

    def _kind_of_name(self, name: str) -> str | None:
        words = _words(name)
        if _ABOUT.search(words):
            return None
        return next((kind for kind, names in self._names if names.search(words)), None)


def hints(name: str) -> bool:
    """Tell whether a name may tell a secret, if the value looks random."""
    return _hints_of_short(name) if len(name) <= MAX_CACHED else False


@lru_cache(maxsize=4096)
def _hints_of_short(name: str) -> bool:
    words = _words(name)
    return bool(_HINTS.search(words)) and not (_NO_HINTS.search(words) or _ABOUT.search(words))


def looks_random(value: str) -> bool:
    """Tell whether a value is made by a machine: letters and digits in quick change, or only digits.

    Of random text, 40 to 60 percent of the neighbours are of different classes (lower, upper, digit). Names
    with numbers seldom change between letters and digits; CamelCase without digits does less often.
    """
    if not _RANDOM.fullmatch(value):
        return False
    if value.isdigit():
        return len(value) >= 14  # noqa: PLR2004 - more than a time in milliseconds has
    changes = len(_CHANGE.findall(value))
    return changes >= max(3, (0.12 if any(map(str.isdigit, value)) else 0.42) * len(value))


def _words(name: str) -> str:
    """Spell a name as its words: `X-Api-Key`, `xApiKey` and `X_API_KEY` as `x_api_key`."""
    return _BOUNDARY.sub("_", _MARKED.sub("|", name) if "«" in name else name).translate(_LOWER)


def _anywhere(words: str, between: str = "[-_. ]") -> str:
    """Make of a pattern over words one that finds them in any spelling, and more."""
    plain = words.replace("^", "").replace("$", "").replace("[a-z]*", "")
    return f"(?i:{plain.replace('_', f'{between}{{0,2}}')})"


def _whole(words: str) -> re.Pattern[str]:
    """Compile a pattern over words so that it finds no part of one."""
    return re.compile(f"(?:^|[^a-z])(?:{words})(?:$|[^a-z])")


def relaxed(pattern: str) -> str:
    """Shorten the long counts of a pattern, and let each take as little as it can.

    It finds whatever the pattern finds, and more; but an automaton that counts far has many states.
    """
    return _COUNT.sub(lambda count: count[0] if int(count[1]) <= _FEW else f"{{{_FEW},}}?", pattern)


_ABOUT: Final = re.compile(f"(?:^|_)(?:(?:{ABOUT})$|(?:{PLAIN_TOKENS})_token(?![a-z]))")
_HINTS: Final = _whole(HINTS)
_NO_HINTS: Final = _whole(NO_HINTS)
_RANDOM: Final = re.compile(r"[\w+/=.~%-]{12,512}", re.ASCII)
_CHANGE: Final = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[a-z0-9])|[0-9](?=[A-Za-z])")
