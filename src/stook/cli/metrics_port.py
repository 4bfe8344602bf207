"""`--metrics-port` of a worker."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import TYPE_CHECKING, Final

from stook.cli.dispatch import say
from stook.core.errors import MissingExtra, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stook.worker.meter import Meter

__all__ = ["metrics_port_open"]

_PORTS: Final = 65_536


@contextlib.contextmanager
def metrics_port_open(port: int) -> Iterator[Meter]:
    """What a worker tells this meter is read on the port, while the context is open."""
    if not 0 <= port < _PORTS:
        raise OptionError(f"--metrics-port {port} is not between 0 and {_PORTS - 1}")
    if importlib.util.find_spec("prometheus_client") is None:
        raise MissingExtra(
            "--metrics-port needs prometheus_client, not installed here", hint="pip install 'stook[server]'"
        )
    from stook.telemetry.exposition import WorkerExposition
    from stook.telemetry.worker_port import MetricsPort

    figures = WorkerExposition()
    with MetricsPort(figures.text, port=port) as answering:
        say(f"metrics at {answering.url}")
        yield figures.workers
