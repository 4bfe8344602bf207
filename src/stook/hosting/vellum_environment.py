"""What the processes of hosted Vellum workflows are given: the runtime, and no more of the server than its address."""

from __future__ import annotations

from typing import Final

__all__ = ["REQUIREMENTS", "replica_env"]

REQUIREMENTS: Final = ("vellum-ai==1.14.8",)
"""Of every release: an archive brings no requirements of its own, so that all can share one environment."""
_NOWHERE: Final = "http://127.0.0.1:9"


def replica_env(base_url: str | None) -> dict[str, str]:
    """A workflow that calls Vellum all the same reaches this server, without a key, and is refused. `base_url`: of its
    API; None: it reaches nobody."""
    return {"VELLUM_API_KEY": "", "VELLUM_API_URL": base_url or _NOWHERE}
