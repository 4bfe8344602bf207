"""uvicorn's connection, with a way to cut it: closing would wait for a reader that takes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["Connection"]


class Connection(H11Protocol):
    """The application finds `cut` in the state of its scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "cut": transport.abort}
        super().connection_made(transport)
