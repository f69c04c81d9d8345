"""A bound on how deep JSON may nest, the same wherever a frame is decoded.

Decoders recurse, and fail at a depth that depends on how deep the program's own stack is at that moment. What
this lets pass can be decoded anywhere in it; PostgreSQL's jsonb takes more.
"""

from __future__ import annotations

import re
from typing import Final

MAX_DEPTH: Final = 400
"""Real frames nest to 15; this leaves 600 of Python's 1,000 calls to the rest of the program."""
# A string that is not closed reaches to the end: looking for one from every quote inside takes for ever.
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def is_too_deep(text: str) -> bool:
    """Tell whether JSON text nests deeper than MAX_DEPTH; cheap for texts with few brackets."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _TOKENS.finditer(text):
        opened = token[0]
        depth += (opened in "[{") - (opened in "]}")
        if depth > MAX_DEPTH:
            return True
    return False
