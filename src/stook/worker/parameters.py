"""What a handler's signature asks for.

    (row)  (row, ctx)      the payload itself, as the annotation says
    (event)  (event, ctx)  an Event: the name is `event` or `events`, or the annotation is Event[P]
    (ctx)  ()              no payload

A batched handler's first parameter is a list of these, and `list[T]` or `list[Event[T]]` gives the members' type.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from stook.core.errors import ConfigError
from stook.worker.batch_context import BatchContext, SyncBatchContext
from stook.worker.context import Context, SyncContext
from stook.worker.event import Event
from stook.worker.verdicts import Fail, Ok

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Parameters", "place_of", "read_parameters"]

Handler = Any
_CONTEXTS = (BatchContext, Context, SyncBatchContext, SyncContext)
_CONTEXT_NAMES = ("context", "ctx")
_EVENT_NAMES = ("event", "events")


@dataclass(frozen=True, slots=True)
class Parameters:
    takes: Literal["nothing", "payload", "event"]
    context: bool
    payload: Any
    """The annotated type of one payload; `Any` where there is none."""
    returns: Any
    """The annotated type of one item's result; `Any` where there is none, or where verdicts wrap it."""


def read_parameters(handler: Callable[..., Any], *, batched: bool) -> Parameters:
    """`ConfigError` names the handler's file and line, and what a handler may look like."""
    where = place_of(handler)
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        raise ConfigError(f"{handler!r} has no signature that can be read", where=where) from None
    given = [parameter for parameter in signature.parameters.values() if _is_given(parameter)]
    wrong = [one.name for one in given if one.kind is one.KEYWORD_ONLY]
    if wrong or len(given) > 2:  # noqa: PLR2004
        raise ConfigError(
            f"handler {_name(handler)}{signature} asks for more than it can be given",
            where=where,
            hint="a handler takes (payload), (payload, ctx), (event), (event, ctx) or (); others need defaults",
        )
    resolve = _Annotations(handler, where)
    returns = _result(resolve(signature.return_annotation), batched=batched)
    if not given:
        return Parameters("nothing", context=False, payload=Any, returns=returns)
    first, *rest = given
    annotated = resolve(first.annotation)
    if not rest and _is_context(first.name, annotated):
        return Parameters("nothing", context=True, payload=Any, returns=returns)
    if batched:
        annotated = _member(annotated, first, where)
    if annotated is Event or get_origin(annotated) is Event:
        takes: Literal["payload", "event"] = "event"
        annotated = (get_args(annotated) or (Any,))[0]
    else:
        takes = "event" if first.name in _EVENT_NAMES else "payload"
    return Parameters(takes, context=bool(rest), payload=annotated, returns=returns)


def place_of(handler: Callable[..., Any]) -> str | None:
    code = getattr(inspect.unwrap(handler), "__code__", None)
    return None if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def _name(handler: Callable[..., Any]) -> str:
    return str(getattr(handler, "__qualname__", repr(handler)))


def _is_given(parameter: inspect.Parameter) -> bool:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    if parameter.default is parameter.empty:
        return True
    return parameter.kind is not parameter.KEYWORD_ONLY and parameter.name in _CONTEXT_NAMES


def _is_context(name: str, annotation: Any) -> bool:
    return name in _CONTEXT_NAMES or annotation in _CONTEXTS


def _member(annotated: Any, first: inspect.Parameter, where: str | None) -> Any:
    if annotated is Any or annotated is list:
        return Any
    origin = get_origin(annotated)
    if isinstance(origin, type) and issubclass(list, origin):
        return get_args(annotated)[0]
    raise ConfigError(
        f"a batched handler is given a list, but {first.name!r} is annotated {first.annotation}",
        where=where,
        hint="annotate it list[T], with T the type of one payload",
    )


def _result(annotated: Any, *, batched: bool) -> Any:
    kinds = list(get_args(annotated)) if _is_union(annotated) else [annotated]
    if batched:
        # None, a list, a dict by id and Broadcast are all answers; only list[R] says what one result is.
        lists = [one for one in kinds if get_origin(one) is list]
        return _result(get_args(lists[0])[0], batched=False) if lists else Any
    if any(isinstance(one, type) and issubclass(one, Ok) for one in kinds):
        return Any
    results = [one for one in kinds if not (isinstance(one, type) and issubclass(one, (Fail, BaseException)))]
    return Union[tuple(results)] if results else Any  # noqa: UP007 -- built from a tuple


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


class _Annotations:
    # Each is resolved alone: one that nobody needs at run time may stay a name only type checkers know.

    def __init__(self, handler: Callable[..., Any], where: str | None) -> None:
        bare = inspect.unwrap(handler)
        bare = getattr(bare, "func", bare)
        self._globals = getattr(bare, "__globals__", None) or vars(sys.modules.get(bare.__module__, sys))
        self._locals = _closure(bare)
        self._where = where

    def __call__(self, annotation: Any) -> Any:
        if annotation is inspect.Parameter.empty:
            return Any
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, self._globals, self._locals)  # noqa: S307 -- the user's own source
            except Exception as error:
                raise ConfigError(
                    f"the annotation {annotation!r} cannot be resolved: {error}",
                    where=self._where,
                    hint="import the type outside TYPE_CHECKING and define it at module level: it checks values",
                ) from error
        return _plain(annotation)


def _closure(function: Any) -> dict[str, Any]:
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    values = {}
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False):
        with contextlib.suppress(ValueError):  # not assigned yet
            values[name] = cell.cell_contents
    return values


def _plain(annotation: Any) -> Any:
    if annotation is object:
        return Any
    if _is_union(annotation) and Any in get_args(annotation):
        return Any
    return annotation
