"""The product's version, as agents, gateways and the page's foot are told it."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
