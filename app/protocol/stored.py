"""Settings that are kept as JSON: read back into their class, whatever version has stored them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from app.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def read(kind: type[T], values: Mapping[str, Any], field: str) -> T:
    """Make a dataclass of what is stored; what is missing is the default, what is unknown is left out.

    Raises:
        Invalid: a value is of the wrong kind; `field` says of what.
    """
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]  # any dataclass will do
    try:
        return msgspec.convert({name: values[name] for name in known & set(values)}, kind)
    except msgspec.ValidationError as error:
        raise Invalid(field, str(error)) from error
