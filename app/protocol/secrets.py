"""What a secret looks like: names that announce one, and patterns of tokens that are known by their form.

Token forms are those that gitleaks and detect-secrets know. Every pattern runs in linear time: repeats are
possessive or bounded, and inner starts are cut off by a look-behind. A match takes in every word character
that follows, so replacing it never uncovers a match that was not one before: redaction is idempotent.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# Whole words of a name, in the order in which they are asked; `inputTokens` and `tokenCount` are no secrets.
_KINDS: Final = (
    ("authorization", "authorization|bearer"),
    ("cookie", "cookies?"),
    ("password", "password|passwd|passphrase|passcode|pwd|(?<=[a-z0-9]_)pass(?=_$)"),
    ("private key", "(?:private|ssh|signing|encryption|master|deploy)_key"),
    ("credential", "credentials?|connection_string|(?<=^_)auth(?=_$)"),
    ("token", "token|jwt|otp|sas|sig|amz_signature"),
    ("token", "apikey|(?:api|access|account|auth|secret|service|subscription|shared_access)_key"),
    ("secret", "secrets?"),
)
_NAMES: Final = tuple((kind, re.compile(f"_(?:{words})_")) for kind, words in _KINDS)
_ABOUT: Final = re.compile("_(?:counts?|limits?|types?|usage|budget|length|size|url|uri|endpoint|methods?)_$")
# The words of a name; a marker that stands in it is one word, and so names nothing.
_WORDS: Final = re.compile("«[^»]*+»|[A-Z]+(?![a-z])|[A-Z]?[a-z]++|[A-Z]|[0-9]++")

_TOKENS: Final = (
    # Code hosting and package registries
    r"gh[pousr]_[A-Za-z0-9]{20,}+",
    r"github_pat_\w{22,}+",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas)-[\w-]{20,}+",
    r"npm_[A-Za-z0-9]{30,}+",
    r"pypi-[\w-]{50,}+",
    r"rubygems_[0-9a-f]{40,}+",
    r"dckr_[po]at_[\w-]{20,}+",
    r"AT(?:ATT3|CTT3|BB)[\w=-]{20,}+",
    # Clouds
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
    r"LTAI[A-Za-z0-9]{12,}+",
    r"AIza[\w-]{30,}+",
    r"ya29\.[\w-]{20,}+",
    r"GOCSPX-[\w-]{20,}+",
    r"1//0[\w-]{30,}+",
    r"\w{3}[0-9]Q~[\w.~-]{30,}+",
    r"do[opr]_v1_[a-f0-9]{40,}+",
    r"dapi[a-f0-9]{32,}+",
    r"hv[sbr]\.[\w-]{20,}+",
    r"pscale_(?:tkn|pw|oauth)_[\w.-]{20,}+",
    r"sbp_[a-f0-9]{40,}+",
    r"pul-[a-f0-9]{40,}+",
    r"dp\.(?:pt|st|ct|sa)\.[\w.-]{30,}+",
    r"gl(?:c|sa)_[\w+/=]{20,}+",
    r"sntry[su]_[\w+/=]{20,}+",
    r"NRAK-[A-Z0-9]{20,}+",
    # Models
    r"sk-(?=[A-Za-z_-]{0,64}+[0-9])[\w-]{20,}+",
    r"gsk_[A-Za-z0-9]{30,}+",
    r"xai-[A-Za-z0-9]{30,}+",
    r"pplx-[A-Za-z0-9]{30,}+",
    r"r8_[A-Za-z0-9]{30,}+",
    r"hf_[A-Za-z0-9]{30,}+",
    # Money, mail, messages
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}+",
    r"whsec_[\w+/=]{20,}+",
    r"sq0(?:atp|csp|idp)-[\w-]{20,}+",
    r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32,}+",
    r"SG\.[\w-]{16,}+\.[\w-]{16,}+",
    r"key-[0-9a-f]{32,}+",
    r"[0-9a-f]{32}-us[0-9]{1,2}",
    r"(?:SK|AC)[0-9a-f]{32}",
    r"xox[a-z]-[\w-]{10,}+",
    r"xapp-[\w-]{20,}+",
    r"hooks\.slack\.com/(?:services|workflows)/[\w/-]{20,}+",
    r"discord(?:app)?\.com/api/webhooks/[0-9]{10,}+/[\w-]{20,}+",
    r"[0-9]{8,10}:AA[\w-]{30,}+",
    # Everything else
    r"(?<!-)eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?",
    r"AGE-SECRET-KEY-1[0-9A-Z]{40,}+",
    r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}+",
    r"ntn_[A-Za-z0-9]{30,}+",
    r"PMAK-[a-f0-9]{24}-[a-f0-9]{30,}+",
    # A word after Bearer is a token if it has a digit or a capital inside; prose has neither.
    r"(?P<keep>(?i:bearer|basic)[ \t]{1,8})(?=[A-Za-z._~+/=-]*+[0-9]|[A-Za-z]*?[a-z][A-Z])[\w.~+/=-]{8,}+",
)
TOKEN: Final = re.compile(rf"(?<!\w)(?:{'|'.join(_TOKENS)})\w*+", re.ASCII)
"""A token known by its form; the group `keep`, if it took part, is not secret."""

PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
USERINFO: Final = re.compile(r"""(?<=://)[^\s/?#"'<>\\`]*@""")
# Below this length lie hashes, ids and paths; base64 in lines (MIME, PEM bodies) counts from three lines on.
MIN_BLOB: Final = 200
BLOB: Final = re.compile(
    rf"(?<![\w+/-])(?:[\w+/-]{{{MIN_BLOB},}}+|(?:[A-Za-z0-9+/]{{60,76}}+\r?\n){{3,}}+[\w+/-]*+)={{0,2}}",
    re.ASCII,
)


def kind_of_name(name: str) -> str | None:
    """Return what kind of secret a key, variable or header of this name holds, or None if it holds none."""
    return _kind_of_short(name) if len(name) <= _MAX_CACHED else _kind_of(name)


_MAX_CACHED: Final = 64  # longer names are rare; strangers choose them, so they must not fill the cache


def _kind_of(name: str) -> str | None:
    words = f"_{'_'.join(_WORDS.findall(name)).lower()}_"
    if _ABOUT.search(words):
        return None
    return next((kind for kind, names in _NAMES if names.search(words)), None)


_kind_of_short: Final = lru_cache(maxsize=4096)(_kind_of)
