"""Every dialect there is. They are strangers to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.server.dialects.kernel import DIALECT as KERNEL
from stook.server.dialects.vellum import DIALECT as VELLUM

if TYPE_CHECKING:
    from stook.server.dialect import Dialect

__all__ = ["DIALECTS"]

DIALECTS: Final[tuple[Dialect, ...]] = (KERNEL, VELLUM)
