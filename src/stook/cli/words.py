"""Words that options accept. Written out here, since what they come from takes time to load."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "BatchStateWord",
    "DuplicatesWord",
    "InputFormatWord",
    "OutputFormatWord",
    "RetriedWord",
    "StateWord",
]

InputFormatWord = Literal["csv", "files", "json", "jsonl", "parquet", "tsv"]
OutputFormatWord = Literal["csv", "jsonl", "parquet"]
DuplicatesWord = Literal["reject", "first", "last"]
RetriedWord = Literal["failed", "cancelled", "expired"]
StateWord = Literal["queued", "scheduled", "running", "suspended", "succeeded", "failed", "cancelled", "expired"]
BatchStateWord = Literal[
    "open",
    "queued",
    "running",
    "paused",
    "cancelling",
    "succeeded",
    "partially_failed",
    "failed",
    "cancelled",
    "expired",
]
