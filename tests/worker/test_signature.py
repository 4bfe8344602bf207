"""What a handler's signature and annotations ask for, and what is said of those that ask for the impossible."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
import pytest

from stook.core.errors import ConfigError
from stook.core.policy import BatchConfig, TaskPolicy
from stook.worker.definition import define
from stook.worker.words import (
    BatchContext,
    Context,
    Event,
    Fail,
    Ok,
    ResultNotSerializable,
    RetryAfter,
    ReturnValidationError,
)

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForCheckers

BATCHED = TaskPolicy(batch=BatchConfig(10))


@dataclass
class Row:
    n: int


@dataclass
class Priced:
    price: float


class Line(TypedDict):
    n: int


class Model:
    """As much of a pydantic model as is used."""

    def __init__(self, n):
        self.n = n

    @classmethod
    def model_validate(cls, value):
        if not isinstance(value, dict) or not isinstance(value.get("n"), int):
            raise ValueError("n is missing")  # noqa: TRY004
        return cls(value["n"])

    def model_dump(self, mode):
        assert mode == "json"
        return {"n": self.n}


def nothing(): ...
def payload(row): ...
def payload_typed(row: Row): ...
def payload_context(row: Row, ctx): ...
def event(event): ...
def event_typed(it: Event[Row]): ...
def event_bare(it: Event): ...
def event_context(event: Event[Row], context: Context): ...
def context_alone(ctx): ...
def context_typed(c: Context): ...
def defaults(row, ctx=None, retries=3, *, flag=False): ...
def anything(*args, **kwargs): ...
def payload_any(row: Any) -> Any: ...
def payload_object(row: object) -> object: ...


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (nothing, ("nothing", False, Any)),
        (anything, ("nothing", False, Any)),
        (payload, ("payload", False, Any)),
        (payload_any, ("payload", False, Any)),
        (payload_object, ("payload", False, Any)),
        (payload_typed, ("payload", False, Row)),
        (payload_context, ("payload", True, Row)),
        (event, ("event", False, Any)),
        (event_typed, ("event", False, Row)),
        (event_bare, ("event", False, Any)),
        (event_context, ("event", True, Row)),
        (context_alone, ("nothing", True, Any)),
        (context_typed, ("nothing", True, Any)),
        (defaults, ("payload", True, Any)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_parameters(handler, expected):
    found = define(handler).parameters
    assert (found.takes, found.context, found.payload) == expected
    assert define(handler).plain == (expected[:2] == ("payload", False))


def rows(rows: list[Row]): ...
def events(events: list[Event[Row]]): ...
def events_named(events): ...
def rows_bare(rows: list): ...
def rows_context(rows: list[Row], ctx: BatchContext): ...


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (rows, ("payload", False, Row)),
        (events, ("event", False, Row)),
        (events_named, ("event", False, Any)),
        (rows_bare, ("payload", False, Any)),
        (rows_context, ("payload", True, Row)),
        (payload, ("payload", False, Any)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_parameters_of_batched_handlers(handler, expected):
    found = define(handler, policy=BATCHED).parameters
    assert (found.takes, found.context, found.payload) == expected


def to_row() -> Row: ...
def to_none() -> None: ...
def to_verdict() -> Row | RetryAfter | Fail: ...
def to_ok() -> Ok | Fail: ...
def to_failures() -> Fail: ...
def to_rows() -> list[Row]: ...
def to_rows_or_none() -> list[Row | Fail] | None: ...
def to_oks() -> list[Ok | Fail | RetryAfter]: ...
def to_dict() -> dict[str, Row]: ...


@pytest.mark.parametrize(
    ("handler", "policy", "expected"),
    [
        (to_row, None, Row),
        (to_none, None, type(None)),
        (to_verdict, None, Row),
        (to_ok, None, Any),
        (to_failures, None, Any),
        (to_rows, None, list[Row]),
        (to_rows, BATCHED, Row),
        (to_rows_or_none, BATCHED, Row),
        (to_oks, BATCHED, Any),
        (to_dict, BATCHED, Any),
        (to_none, BATCHED, Any),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_results(handler, policy, expected):
    found = define(handler, policy=policy).parameters.returns
    assert found == expected or (found is None and expected is type(None))


def three(a, b, c): ...
def keyword(row, *, must): ...
def unknown(row: Nowhere): ...  # noqa: F821
def unseen(row: OnlyForCheckers): ...
def not_a_list(rows: Row): ...
def unreadable(row: Row | Priced): ...
def generator(row):
    yield row


async def async_generator(row):
    yield row


@pytest.mark.parametrize(
    ("handler", "policy", "says"),
    [
        (three, None, r"handler three\(a, b, c\) asks for more than it can be given"),
        (keyword, None, "asks for more"),
        (unknown, None, "annotation 'Nowhere' cannot be resolved: name 'Nowhere' is not defined"),
        (unseen, None, "import the type outside TYPE_CHECKING"),
        (not_a_list, BATCHED, "annotated Row .annotate it list"),
        (unreadable, None, "payload type .* cannot be read from JSON"),
        (generator, None, "generator has no one result|is a generator"),
        (async_generator, None, "is a generator"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_handler_that_cannot_work_is_refused_with_its_place(handler, policy, says):
    with pytest.raises(ConfigError, match=says) as caught:
        define(handler, policy=policy)
    assert f"{__file__}:{handler.__code__.co_firstlineno}: " in str(caught.value)


def test_what_is_no_function_is_refused():
    with pytest.raises(ConfigError, match="7 is not a function"):
        define(7)


def test_kinds_and_names():
    async def coroutine(row): ...

    assert define(payload).kind == "thread"
    assert define(coroutine).kind == "async"
    assert define(payload, policy=BATCHED).kind == "batched-thread"
    assert define(coroutine, policy=BATCHED).kind == "batched-async"
    assert define(payload, processes=True).kind == "process"
    assert define(payload).name == f"{__name__}.payload"
    assert define(payload, name="x").name == "x"


def test_given_types_override_annotations():
    made = define(payload_typed, payload=Line, returns=int)
    assert (made.parameters.payload, made.parameters.returns) == (Line, int)
    assert define(payload_typed, payload=None).parameters.payload is Any


def test_wrapped_and_partial_functions_are_read_through():
    @functools.wraps(payload_typed)
    def wrapper(*args):
        return payload_typed(*args)

    assert define(wrapper).parameters.payload is Row
    assert define(functools.partial(payload_context, ctx=None), name="p").parameters.payload is Row


# ------------------------------------------------------------------------------------------------------ conversion


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (Row, b'{"n":1}', Row(1)),
        (Line, b'{"n":1}', {"n": 1}),
        (list[Row], b'[{"n":1}]', [Row(1)]),
        (int, b"123456789012345678901234567890", 123456789012345678901234567890),
        (Any, b'{"n":12345678901234567890123}', {"n": 12345678901234567890123}),
        (dict[str, Any], b'{"\\ud800":1}', {"\ud800": 1}),
        (msgspec.Raw, b"[1]", msgspec.Raw(b"[1]")),
    ],
)
def test_payloads_are_read_as_annotated_one_by_one_and_in_bulk(kind, raw, value):
    reader = define(payload, payload=kind).reader
    assert reader.read(raw) == value
    assert reader.read_many(b"[" + raw + b"," + raw + b"]") == [value, value]


def test_models_are_read_by_their_own_validation():
    reader = define(payload, payload=Model).reader
    assert reader.read(b'{"n":3}').n == 3
    assert [one.n for one in reader.read_many(b'[{"n":3},{"n":4}]')] == [3, 4]
    nested = define(payload, payload=list[Model]).reader
    assert nested.read(b'[{"n":3}]')[0].n == 3


@pytest.mark.parametrize("kind", [Row, Line, Model])
def test_one_bad_payload_among_many_is_named_and_the_rest_are_read(kind):
    found = define(payload, payload=kind).reader.read_many(b'[{"n":1},{"n":"x"},{"n":3}]')
    assert [type(one).__name__ for one in found][1] == "Unreadable"
    assert found[1].error.code == "payload_invalid"
    assert f"the payload is not {kind.__name__}" in str(found[1].error)
    assert type(found[0]).__name__ == type(found[2]).__name__ != "Unreadable"


@pytest.mark.parametrize(
    ("kind", "value", "raw"),
    [
        (Any, {"a": None}, b'{"a":null}'),
        (None, None, b"null"),
        (int, 3, b"3"),
        (float, 3, b"3"),
        (dict, {}, b"{}"),
        (list, (1, 2), b"[1,2]"),
        (bool, False, b"false"),
        (Row, Row(1), b'{"n":1}'),
        (Row, {"n": 1}, b'{"n":1}'),
        (list[Row], [Row(1)], b'[{"n":1}]'),
        (Row | None, None, b"null"),
        (Model, Model(4), b'{"n":4}'),
        (Model, {"n": 4}, b'{"n":4}'),
        (dict[str, Any], {"\ud800": 1}, b'{"\\ud800":1}'),
    ],
)
def test_results_are_written_and_checked(kind, value, raw):
    encode = define(payload, returns=type(None) if kind is None else kind).encode
    assert encode(value) == raw


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (type(None), 0),
        (int, "3"),
        (int, True),
        (float, None),
        (dict, []),
        (str, 1),
        (Row, {"n": "x"}),
        (Row, None),
        (Row, Row("x")),
        (list[Row], [{"m": 1}]),
        (Model, {"m": 1}),
    ],
)
def test_a_result_of_another_type_is_refused(kind, value):
    with pytest.raises(ReturnValidationError) as caught:
        define(payload, returns=kind).encode(value)
    assert caught.value.code == "return_invalid"
    assert "the handler returned something that is not" in str(caught.value)


@pytest.mark.parametrize("kind", [Any, list, Row])
def test_a_result_that_is_no_json_is_refused_as_such(kind):
    with pytest.raises(ResultNotSerializable, match="the result is not JSON") as caught:
        define(payload, returns=kind).encode([object()])
    assert caught.value.code == "result_not_serializable"
