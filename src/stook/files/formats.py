"""Formats by the names of files."""

from __future__ import annotations

from typing import Final, Literal, get_args

from stook.core.errors import OptionError

__all__ = ["InputFormat", "OutputFormat", "input_format", "output_format"]

InputFormat = Literal["csv", "files", "json", "jsonl", "parquet", "tsv"]
OutputFormat = Literal["csv", "jsonl", "parquet"]

_INPUT: Final[dict[str, InputFormat]] = {
    "csv": "csv",
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "parquet": "parquet",
    "pq": "parquet",
    "tab": "tsv",
    "tsv": "tsv",
}
_OUTPUT: Final[dict[str, OutputFormat]] = {
    "csv": "csv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "parquet": "parquet",
    "pq": "parquet",
}


def input_format(name: str) -> InputFormat:
    """By the ending of the name, with or without `.gz`. `OptionError` for one that says nothing."""
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    if ending not in _INPUT:
        raise OptionError("cannot tell the format from the name", where=name, hint=f"name it: {_list(InputFormat)}")
    return _INPUT[ending]


def output_format(name: str) -> OutputFormat:
    ending = name.lower().rpartition(".")[2]
    if ending not in _OUTPUT:
        raise OptionError("cannot tell the format from the name", where=name, hint=f"name it: {_list(OutputFormat)}")
    return _OUTPUT[ending]


def _list(formats: object) -> str:
    return ", ".join(get_args(formats))
