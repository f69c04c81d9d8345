r"""Half surrogate pairs in JSON text, which real agents send and a strict decoder refuses.

JavaScript cuts strings by UTF-16 unit, and `JSON.stringify` then writes the half of an emoji as `\ud83d`. RFC
8259 (section 8.2) allows that, msgspec does not. So before such text is decoded, each half is shielded by a
character of a private area that stands for it one to one; what is encoded again gets its halves back.
"""

from __future__ import annotations

import re
from typing import Final

_FIRST_SURROGATE: Final = 0xD800
_FIRST_SHIELD: Final = 0x10F000  # supplementary private use area B: assigned to nobody, ever
_SHIELDS: Final = re.compile("[\U0010f000-\U0010f7ff]")
# A whole pair and every other escape are consumed, so that a match of the group is a half on its own.
_HEX: Final = "[0-9a-fA-F]{2}"
_ESCAPES: Final = re.compile(
    rf"\\u[dD][89abAB]{_HEX}\\u[dD][c-fC-F]{_HEX}|\\u([dD][89a-fA-F]{_HEX})|\\.", re.DOTALL
)


def may_have_halves(text: str) -> bool:
    """Tell cheaply whether shielding could change JSON text; false for nearly every frame."""
    return "\\ud" in text or "\\uD" in text


def shield(text: str) -> str:
    """Replace every escaped half pair in JSON text; text that uses the private area stays as it is."""
    return text if _SHIELDS.search(text) else _ESCAPES.sub(_shielded, text)


def unshield(text: str) -> str:
    """Undo `shield`."""
    return _SHIELDS.sub(lambda found: f"\\u{ord(found[0]) - _FIRST_SHIELD + _FIRST_SURROGATE:04x}", text)


def _shielded(found: re.Match[str]) -> str:
    return chr(int(found[1], 16) - _FIRST_SURROGATE + _FIRST_SHIELD) if found[1] else found[0]
