"""Whatever the API answers can be read with the shapes that say what it is."""

from __future__ import annotations

import msgspec
import pytest

from stook.server.routes import ROUTES
from stook.wire.execution import Execution
from stook.wire.problem import Refused

SHAPES = sorted(
    {shape for route in ROUTES for _, shape in route.answers if isinstance(shape, type)} | {Refused},
    key=lambda shape: shape.__name__,
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_answer_can_be_decoded(shape):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b"3", type=shape)  # not: a shape that msgspec cannot decode


@pytest.mark.parametrize(("stored", "read"), [(b"[1, 2]", b"[1, 2]"), (b"null", b"null"), (b'"x"', b'"x"')])
def test_payloads_pass_byte_for_byte(stored, read):
    made = Execution(
        id="i",
        batch_id="b",
        index=0,
        key=None,
        state="succeeded",
        input=msgspec.Raw(stored),
        result=msgspec.Raw(stored),
        error=None,
        attempts=1,
        round=1,
        duration=None,
        finished_at=None,
        settle=None,
    )
    found = msgspec.json.decode(msgspec.json.encode(made), type=Execution)
    assert (bytes(found.input), bytes(found.result)) == (read, read)
