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
    from stook.core.errors import (
        ConfigError,
        DuplicateKey,
        ExecutionCancelled,
        ExecutionExpired,
        ExecutionFailed,
        ExecutionNotFound,
        InvokeError,
        InvokeManyError,
        LeaseLost,
        NotInstalled,
        NotInvocable,
        OptionError,
        PayloadTooLarge,
        PayloadValidationError,
        ResultPruned,
        ResultTimeout,
        SchemaTooNew,
        StookError,
        Throttled,
        UnknownQueue,
        UnknownTask,
        UnsupportedByBackend,
    )
    from stook.core.periods import Debounce, Throttle
    from stook.core.policy import BatchConfig, ConcurrencyLimit, FailurePolicy, RateLimit, RetryPolicy
    from stook.core.retention import KEEP, Retention
    from stook.core.schedule import Schedule
    from stook.core.triggers import Cron, Invocable, On, OnRow
    from stook.core.when import Condition, F
    from stook.core.window import Window
    from stook.wiring.app import App
    from stook.wiring.definitions import EventDef, TaskDef
    from stook.wiring.execution_info import ExecutionInfo
    from stook.wiring.invocation import Invocation, Invocations
    from stook.wiring.item import Item
    from stook.wiring.orchestrator import Orchestrator, OrchestratorInfo
    from stook.wiring.task import Task
    from stook.wiring.worker_config import Worker, WorkerConfig
    from stook.worker.logs.current import CapturedLogs, current_context
    from stook.worker.words import (
        AttemptTimeout,
        BatchContext,
        BatchContractError,
        BatchError,
        Broadcast,
        Cancelled,
        ChildCancelled,
        ChildFailed,
        ChildTimeout,
        Context,
        DuplicateStep,
        Event,
        EventTimeout,
        Fail,
        NonRetryable,
        NotAvailableInBatch,
        Ok,
        Released,
        ReplayMismatch,
        ResultNotSerializable,
        RetryAfter,
        ReturnValidationError,
        StepTimeout,
        Suspend,
        SyncBatchContext,
        SyncContext,
    )

__all__ = [
    "KEEP",
    "App",
    "AsyncBatch",
    "AsyncClient",
    "AsyncExecution",
    "AsyncWebhooks",
    "AttemptTimeout",
    "Batch",
    "BatchConfig",
    "BatchContext",
    "BatchContractError",
    "BatchError",
    "Broadcast",
    "Cancelled",
    "CapturedLogs",
    "ChildCancelled",
    "ChildFailed",
    "ChildTimeout",
    "Client",
    "ConcurrencyLimit",
    "Condition",
    "ConfigError",
    "Context",
    "Cron",
    "Debounce",
    "Delivery",
    "DeliveryDetail",
    "DuplicateKey",
    "DuplicateStep",
    "Endpoint",
    "Event",
    "EventDef",
    "EventTimeout",
    "Execution",
    "ExecutionCancelled",
    "ExecutionExpired",
    "ExecutionFailed",
    "ExecutionInfo",
    "ExecutionNotFound",
    "F",
    "Fail",
    "Failure",
    "FailurePolicy",
    "Invocable",
    "Invocation",
    "Invocations",
    "InvokeError",
    "InvokeManyError",
    "Item",
    "LeaseLost",
    "NonRetryable",
    "NotAvailableInBatch",
    "NotInstalled",
    "NotInvocable",
    "Ok",
    "On",
    "OnRow",
    "OptionError",
    "Orchestrator",
    "OrchestratorInfo",
    "PayloadTooLarge",
    "PayloadValidationError",
    "RateLimit",
    "Released",
    "ReplayMismatch",
    "Result",
    "ResultNotSerializable",
    "ResultPruned",
    "ResultTimeout",
    "Retention",
    "RetryAfter",
    "RetryPolicy",
    "ReturnValidationError",
    "Schedule",
    "SchemaTooNew",
    "ShownEndpoint",
    "StepTimeout",
    "StookError",
    "Suspend",
    "SyncBatchContext",
    "SyncContext",
    "Task",
    "TaskDef",
    "Throttle",
    "Throttled",
    "UnknownQueue",
    "UnknownTask",
    "UnsupportedByBackend",
    "Webhooks",
    "Window",
    "Worker",
    "WorkerConfig",
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
    "AttemptTimeout": "stook.worker.words",
    "Batch": "stook.client.batch",
    "BatchConfig": "stook.core.policy",
    "BatchContext": "stook.worker.words",
    "BatchContractError": "stook.worker.words",
    "BatchError": "stook.worker.words",
    "Broadcast": "stook.worker.words",
    "Cancelled": "stook.worker.words",
    "CapturedLogs": "stook.worker.logs.current",
    "ChildCancelled": "stook.worker.words",
    "ChildFailed": "stook.worker.words",
    "ChildTimeout": "stook.worker.words",
    "Client": "stook.client.client",
    "ConcurrencyLimit": "stook.core.policy",
    "Condition": "stook.core.when",
    "ConfigError": "stook.core.errors",
    "Context": "stook.worker.words",
    "Cron": "stook.core.triggers",
    "Debounce": "stook.core.periods",
    "Delivery": "stook.client.webhooks",
    "DeliveryDetail": "stook.client.webhooks",
    "DuplicateKey": "stook.core.errors",
    "DuplicateStep": "stook.worker.words",
    "Endpoint": "stook.client.webhooks",
    "Event": "stook.worker.words",
    "EventDef": "stook.wiring.definitions",
    "EventTimeout": "stook.worker.words",
    "Execution": "stook.client.execution",
    "ExecutionCancelled": "stook.core.errors",
    "ExecutionExpired": "stook.core.errors",
    "ExecutionFailed": "stook.core.errors",
    "ExecutionInfo": "stook.wiring.execution_info",
    "ExecutionNotFound": "stook.core.errors",
    "F": "stook.core.when",
    "Fail": "stook.worker.words",
    "Failure": "stook.client.result",
    "FailurePolicy": "stook.core.policy",
    "Invocable": "stook.core.triggers",
    "Invocation": "stook.wiring.invocation",
    "Invocations": "stook.wiring.invocation",
    "InvokeError": "stook.core.errors",
    "InvokeManyError": "stook.core.errors",
    "Item": "stook.wiring.item",
    "KEEP": "stook.core.retention",
    "LeaseLost": "stook.core.errors",
    "NonRetryable": "stook.worker.words",
    "NotAvailableInBatch": "stook.worker.words",
    "NotInstalled": "stook.core.errors",
    "NotInvocable": "stook.core.errors",
    "Ok": "stook.worker.words",
    "On": "stook.core.triggers",
    "OnRow": "stook.core.triggers",
    "OptionError": "stook.core.errors",
    "Orchestrator": "stook.wiring.orchestrator",
    "OrchestratorInfo": "stook.wiring.orchestrator",
    "PayloadTooLarge": "stook.core.errors",
    "PayloadValidationError": "stook.core.errors",
    "RateLimit": "stook.core.policy",
    "Released": "stook.worker.words",
    "ReplayMismatch": "stook.worker.words",
    "Result": "stook.client.result",
    "ResultNotSerializable": "stook.worker.words",
    "ResultPruned": "stook.core.errors",
    "ResultTimeout": "stook.core.errors",
    "Retention": "stook.core.retention",
    "RetryAfter": "stook.worker.words",
    "RetryPolicy": "stook.core.policy",
    "ReturnValidationError": "stook.worker.words",
    "Schedule": "stook.core.schedule",
    "SchemaTooNew": "stook.core.errors",
    "ShownEndpoint": "stook.client.webhooks",
    "StepTimeout": "stook.worker.words",
    "StookError": "stook.core.errors",
    "Suspend": "stook.worker.words",
    "SyncBatchContext": "stook.worker.words",
    "SyncContext": "stook.worker.words",
    "Task": "stook.wiring.task",
    "TaskDef": "stook.wiring.definitions",
    "Throttle": "stook.core.periods",
    "Throttled": "stook.core.errors",
    "UnknownQueue": "stook.core.errors",
    "UnknownTask": "stook.core.errors",
    "UnsupportedByBackend": "stook.core.errors",
    "Webhooks": "stook.client.webhooks",
    "Window": "stook.core.window",
    "Worker": "stook.wiring.worker_config",
    "WorkerConfig": "stook.wiring.worker_config",
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
