"""Run batches: submit a million things in one call, see every one, retry only what failed.

Importing stook is cheap: a name below is loaded from its room when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stook.client.async_client import AsyncClient
    from stook.client.batch import AsyncBatch, Batch
    from stook.client.client import Client
    from stook.client.execution import AsyncExecution, Execution
    from stook.client.result import Failure, Result
    from stook.client.webhooks import AsyncWebhooks, Delivery, DeliveryDetail, Endpoint, ShownEndpoint, Webhooks
    from stook.core.errors import StookError
    from stook.core.policy import BatchConfig, FailurePolicy, RetryPolicy
    from stook.wiring.app import App
    from stook.wiring.task import Task
    from stook.worker.logs.current import CapturedLogs, current_context
    from stook.worker.words import (
        BatchContext,
        BatchError,
        Broadcast,
        Context,
        Event,
        Fail,
        NonRetryable,
        Ok,
        RetryAfter,
        SyncContext,
    )

__all__ = [
    "App",
    "AsyncBatch",
    "AsyncClient",
    "AsyncExecution",
    "AsyncWebhooks",
    "Batch",
    "BatchConfig",
    "BatchContext",
    "BatchError",
    "Broadcast",
    "CapturedLogs",
    "Client",
    "Context",
    "Delivery",
    "DeliveryDetail",
    "Endpoint",
    "Event",
    "Execution",
    "Fail",
    "Failure",
    "FailurePolicy",
    "NonRetryable",
    "Ok",
    "Result",
    "RetryAfter",
    "RetryPolicy",
    "ShownEndpoint",
    "StookError",
    "SyncContext",
    "Task",
    "Webhooks",
    "__version__",
    "current_context",
]

__version__ = "0.1.0"

_HOME = {
    "App": "stook.wiring.app",
    "AsyncBatch": "stook.client.batch",
    "AsyncClient": "stook.client.async_client",
    "AsyncExecution": "stook.client.execution",
    "AsyncWebhooks": "stook.client.webhooks",
    "Batch": "stook.client.batch",
    "BatchConfig": "stook.core.policy",
    "BatchContext": "stook.worker.words",
    "BatchError": "stook.worker.words",
    "Broadcast": "stook.worker.words",
    "CapturedLogs": "stook.worker.logs.current",
    "Client": "stook.client.client",
    "Context": "stook.worker.words",
    "Delivery": "stook.client.webhooks",
    "DeliveryDetail": "stook.client.webhooks",
    "Endpoint": "stook.client.webhooks",
    "Event": "stook.worker.words",
    "Execution": "stook.client.execution",
    "Fail": "stook.worker.words",
    "Failure": "stook.client.result",
    "FailurePolicy": "stook.core.policy",
    "NonRetryable": "stook.worker.words",
    "Ok": "stook.worker.words",
    "Result": "stook.client.result",
    "RetryAfter": "stook.worker.words",
    "RetryPolicy": "stook.core.policy",
    "ShownEndpoint": "stook.client.webhooks",
    "StookError": "stook.core.errors",
    "SyncContext": "stook.worker.words",
    "Task": "stook.wiring.task",
    "Webhooks": "stook.client.webhooks",
    "current_context": "stook.worker.logs.current",
}


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'stook' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
