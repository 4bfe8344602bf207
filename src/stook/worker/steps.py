"""Running a step: its tries, their time, and what its value is once it is JSON."""

from __future__ import annotations

import asyncio
import collections.abc
import inspect
import random
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, get_origin

from stook.core.decide import backoff
from stook.core.errors import ConfigError, StookError
from stook.worker.conversion import PayloadReader, encode
from stook.worker.failures import PayloadValidationError, ResultNotSerializable, ReturnValidationError, StepTimeout
from stook.worker.trouble import is_retried
from stook.worker.verdicts import NonRetryable, RetryAfter

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.core.policy import RetryPolicy

__all__ = ["Step"]

_BARE: Final = PayloadReader(Any)


class Step:
    """One step to be run. `most` is how many tries a policy without a list of delays allows.

    With a `retry` policy a step that raises is tried again within the attempt, which goes on waiting meanwhile: a
    `schedule` once for each of its delays, the others `most` times in all.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        retry: RetryPolicy | None,
        timeout: float | None,
        most: int,
    ) -> None:
        self.name = name
        self.is_async = inspect.iscoroutinefunction(function)
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._retry = retry
        self._timeout = timeout
        self._reader = _reader(function)
        self._tries = 1
        if retry is not None:
            self._tries = len(retry.delays) + 1 if retry.backoff == "schedule" else max(2, most)

    def call(self) -> Any:
        """One try of a plain function. What it returns may be a coroutine: then `finish` has to be awaited."""
        started = time.monotonic()
        value = self._function(*self._args, **self._kwargs)
        if not inspect.isawaitable(value):
            self._check_time(time.monotonic() - started)
        return value

    async def finish(self, value: Any) -> Any:
        """What an awaitable comes to within the step's time."""
        started = time.monotonic()
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await value
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._late(time.monotonic() - started) from None

    def pause_after(self, tries: int, error: Exception) -> float | None:
        """Seconds until it is tried again after so many tries; None: the error is the step's end."""
        policy = self._retry
        if policy is None or tries >= self._tries or isinstance(error, NonRetryable):
            return None
        if not is_retried(type(error), policy):
            return None
        return error.delay if isinstance(error, RetryAfter) else backoff(policy, tries, random.random())  # noqa: S311

    def encode(self, value: Any) -> bytes:
        """`ResultNotSerializable` and `ReturnValidationError` name the step."""
        try:
            raw = encode(value)
        except ResultNotSerializable as error:
            raise ResultNotSerializable(f"the value of step {self.name!r} is not JSON: {error.message}") from None
        self.decode(raw)
        return raw

    def decode(self, raw: bytes) -> Any:
        """The value as the function's annotation says, the same on every attempt."""
        try:
            return self._reader.read(raw)
        except PayloadValidationError as error:
            raise ReturnValidationError(
                f"the value of step {self.name!r} is not what its function promises: {error.message}"
            ) from None

    def _check_time(self, took: float) -> None:
        if self._timeout is not None and took > self._timeout:
            raise self._late(took)

    def _late(self, took: float) -> StepTimeout:
        return StepTimeout(f"step {self.name!r} ran {took:.3g} s, its timeout is {self._timeout:g} s")


def _reader(function: Callable[..., Any]) -> PayloadReader:
    """Of what the function is annotated to return. Only its own annotation counts: without one, any JSON."""
    bare = inspect.unwrap(getattr(function, "func", function))
    kind = getattr(bare, "__annotations__", {}).get("return", Any)
    if kind is Any:
        return _BARE
    try:
        return _known_reader(bare, kind) if isinstance(kind, str) else _reader_of(kind)
    except TypeError:  # a type that is not hashable
        return _BARE


def _known_reader(function: Any, kind: str) -> PayloadReader:
    try:
        return _reader_of(eval(kind, getattr(function, "__globals__", {})))  # noqa: S307 -- the user's own source
    except StookError:
        raise
    except Exception:  # noqa: BLE001 -- a name that only type checkers know
        return _BARE


@lru_cache(maxsize=1024)
def _reader_of(kind: Any) -> PayloadReader:
    if get_origin(kind) in (collections.abc.Awaitable, collections.abc.Coroutine):
        return _BARE
    try:
        return PayloadReader(type(None) if kind is None else kind)
    except ConfigError:  # no type of JSON: what comes of it is
        return _BARE
