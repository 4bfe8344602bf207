"""Ids that Vellum's clients want where stook has names: UUIDs made of those names, the same each time."""

from __future__ import annotations

import uuid
from typing import Final

__all__ = ["event_uuid", "parent_span_id", "release_tag_id", "request_span_id", "trace_id", "workflow_deployment_id"]

_OURS: Final = uuid.UUID("5d4d8f2e-5b7e-5c0a-9a55-6e1c7d1b6f10")


def workflow_deployment_id(project: str, name: str) -> str:
    """Of a workflow deployment, whatever is released under its name."""
    return _made("deployment", project, name)


def release_tag_id(project: str, name: str, tag: str) -> str:
    """Of a tag, wherever it points."""
    return _made("tag", project, name, tag)


def trace_id(execution_id: str) -> str:
    """Shared by all events of an execution, of every attempt."""
    return _made("trace", execution_id)


def parent_span_id(execution_id: str) -> str:
    """Of the deployment that ran it: what contains the execution's own span."""
    return _made("parent", execution_id)


def request_span_id(execution_id: str) -> str:
    """Of what asked for it."""
    return _made("request", execution_id)


def event_uuid(execution_id: str, name: str) -> str:
    """Of an event that an execution has once, where the runtime made none."""
    return _made("event", execution_id, name)


def _made(*parts: str) -> str:
    return str(uuid.uuid5(_OURS, "\0".join(parts)))
