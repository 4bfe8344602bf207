"""JSON to the types a handler is annotated with, and its answer checked against what it promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stook.core import payload as json
from stook.core.errors import ConfigError, PayloadError, PayloadTooLarge
from stook.worker.failures import PayloadValidationError, ResultNotSerializable, ReturnValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NULL", "PayloadReader", "Unreadable", "encoder_for"]

NULL: Final = b"null"
_BUILTINS: Final[dict[Any, tuple[type, ...]]] = {
    dict: (dict,),
    list: (list, tuple),
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
}


class Unreadable:
    """Stands in a list of payloads for one that is not what the handler asks for."""

    __slots__ = ("error",)

    def __init__(self, error: PayloadValidationError) -> None:
        self.error = error


class PayloadReader:
    """Payloads of one type. Pydantic models are read by `model_validate`, all else as msgspec does."""

    def __init__(self, kind: Any, where: str | None = None) -> None:
        self._any = kind is Any
        self._kind = kind
        if not self._any:
            self._one = _decoder(kind, "payload", where)
            self._many = msgspec.json.Decoder(list[kind], dec_hook=_from_builtins)

    def read(self, raw: bytes) -> Any:
        """`PayloadValidationError` says what is wrong and at which path."""
        try:
            if self._any:
                return json.decode(raw)
            try:
                return self._one.decode(raw)
            except msgspec.ValidationError:
                raise
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return msgspec.convert(json.decode(raw), self._kind, dec_hook=_from_builtins)
        except (PayloadError, msgspec.ValidationError, NotImplementedError, RecursionError) as error:
            raise PayloadValidationError(
                f"the payload is not {_named(self._kind)}: {error}",
                hint="correct the item, or the annotation of the handler",
            ) from None

    def read_many(self, joined: bytes) -> list[Any]:
        """The payloads of a JSON array, `Unreadable` in place of each that cannot be read."""
        try:
            if self._any:
                return json.decode_many(joined)
            return self._many.decode(joined)
        except (PayloadError, msgspec.DecodeError, UnicodeDecodeError, NotImplementedError, RecursionError):
            return [self._try(raw) for raw in json.split_array(joined)]

    def _try(self, raw: bytes) -> Any:
        try:
            return self.read(raw)
        except PayloadValidationError as error:
            return Unreadable(error)


def encoder_for(returns: Any, where: str | None = None) -> Callable[[Any], bytes]:
    """A function from a handler's answer to its JSON.

    It raises `ReturnValidationError` for an answer that is not `returns`, `ResultNotSerializable` for one that is no
    JSON. Containers and models are checked as they will be read back: written, then decoded.
    """
    if returns is Any:
        return encode
    if returns is None or returns is type(None):
        return _nothing
    if returns in _BUILTINS:
        return _Instance(returns)
    if hasattr(returns, "model_validate"):
        return _Model(returns)
    return _Written(returns, where)


def encode(value: Any) -> bytes:
    if value is None:
        return NULL
    try:
        return json.encode(value)
    except PayloadError as error:
        raise ResultNotSerializable(f"the result is not JSON: {error}") from None


def encode_payload(whose: str, value: Any) -> bytes:
    """Of what a handler sends elsewhere. `PayloadValidationError` for what is no JSON."""
    try:
        return json.encode(value)
    except PayloadTooLarge:
        raise
    except PayloadError as error:
        raise PayloadValidationError(error.message, where=whose, hint=error.hint) from None


def _nothing(value: Any) -> bytes:
    if value is not None:
        raise _wrong(type(None), f"got {_named(type(value))}")
    return NULL


class _Instance:
    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._accepted = _BUILTINS[kind]

    def __call__(self, value: Any) -> bytes:
        if not isinstance(value, self._accepted) or (type(value) is bool and self._kind is not bool):
            raise _wrong(self._kind, f"got {_named(type(value))}")
        return encode(value)


class _Model:
    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def __call__(self, value: Any) -> bytes:
        if not isinstance(value, self._kind):
            try:
                value = self._kind.model_validate(value)
            except ValueError as error:
                raise _wrong(self._kind, str(error)) from None
        return encode(value)


class _Written:
    def __init__(self, kind: Any, where: str | None) -> None:
        self._kind = kind
        self._decoder = _decoder(kind, "return", where)

    def __call__(self, value: Any) -> bytes:
        raw = encode(value)
        try:
            self._decoder.decode(raw)
        except (msgspec.ValidationError, NotImplementedError) as error:
            raise _wrong(self._kind, str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._check_slowly(raw)
        return raw

    def _check_slowly(self, raw: bytes) -> None:
        try:
            msgspec.convert(json.decode(raw), self._kind, dec_hook=_from_builtins)
        except (msgspec.ValidationError, NotImplementedError) as error:
            raise _wrong(self._kind, str(error)) from None


def _wrong(kind: Any, what: str) -> ReturnValidationError:
    return ReturnValidationError(
        f"the handler returned something that is not {_named(kind)}: {what}",
        hint="return what the annotation says, or correct the annotation",
    )


def _decoder(kind: Any, what: str, where: str | None) -> msgspec.json.Decoder[Any]:
    try:
        return msgspec.json.Decoder(kind, dec_hook=_from_builtins)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"the {what} type {_named(kind)} cannot be read from JSON: {error}",
            where=where,
            hint="use dataclasses, TypedDicts, Structs, pydantic models, builtins, or Any",
        ) from error


def _from_builtins(kind: Any, value: Any) -> Any:
    validate = getattr(kind, "model_validate", None)
    if validate is None:
        if isinstance(value, kind):
            return value
        raise NotImplementedError(f"values of type {_named(kind)} cannot be made from JSON")
    return validate(value)


def _named(kind: Any) -> str:
    if kind is Any:
        return "JSON"
    if kind is type(None):
        return "None"
    return kind.__qualname__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
