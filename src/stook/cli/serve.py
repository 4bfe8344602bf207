"""`stook serve`."""

from __future__ import annotations

from stook.cli.serving_options import LISTEN, HostingOption, Listen, StoreOption

__all__ = ["serve"]


def serve(
    *,
    listen: Listen = LISTEN,
    store: StoreOption = None,
    hosting: HostingOption = None,
) -> int:
    """Serve HTTP alone; workers are elsewhere.

    With --hosting it also builds and serves what was deployed, which is else
    left to `stook up` and `stook worker`.

    Any number of servers may run on one PostgreSQL: each answers for all. The
    first start on a store makes an admin key and prints it, once; STOOK_KEY
    chooses it beforehand. SIGTERM or Ctrl-C lets requests under way end and
    tells followers to come back; a second one ends at once.

    Exit code: 0 stopped in order, 2 the address is wrong, 4 the store refused.
    """
    from stook.cli.serve_here import serve_here

    return serve_here(listen, store, {}, hosting=hosting)
