"""What every child of the soak does first: it ends with its parent, however that ends, and at SIGTERM gracefully."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import threading

__all__ = ["READY", "hold", "ready", "told_to_end"]

READY = "ready"
ORPHANED = 70
"""Exit code of a child whose parent is gone."""


def hold() -> None:
    """Standard input is the parent's hand: when it lets go, this process ends at once. At SIGUSR1 it says on standard
    error what every thread is doing."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(ORPHANED)

    faulthandler.register(signal.SIGUSR1)
    threading.Thread(target=watch, name="soak lifeline", daemon=True).start()


def ready() -> None:
    """Tells the parent that the store is open and work has begun."""
    print(READY, flush=True)


def told_to_end() -> asyncio.Event:
    """Set by SIGTERM. Call it on the loop."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    return told
