"""What is written down of an error: its type, message, traceback, and whether it is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.policy import RetryPolicy
from stook.worker.trace import MESSAGE_LIMIT, TRACEBACK_LIMIT, message_of, traceback_of, type_name
from stook.worker.trouble import cancelled, failed, lost, rejected, released
from stook.worker.words import AttemptTimeout, NonRetryable, RetryAfter

ALWAYS = RetryPolicy()


class Custom(KeyError):
    class Inner(ValueError): ...


def raised(error):
    try:
        raise error  # noqa: TRY301
    except BaseException as caught:  # noqa: BLE001
        return caught


def test_types_are_named_as_users_write_them():
    assert type_name(ValueError) == "ValueError"
    assert type_name(Custom.Inner) == f"{__name__}.Custom.Inner"
    assert type_name(AttemptTimeout) == "AttemptTimeout"


def test_a_traceback_is_as_python_prints_it():
    error = raised(ValueError("x"))
    text = traceback_of(error)
    assert text.startswith(f'Traceback (most recent call last):\n  File "{__file__}", line ')
    assert "    raise error" in text
    assert text.endswith("ValueError: x\n")


def test_causes_notes_and_groups_are_told():
    error = raised(ValueError("outer"))
    error.__cause__ = raised(KeyError("inner"))
    assert "The above exception was the direct cause" in traceback_of(error)
    noted = raised(ValueError("x"))
    noted.add_note("a note")
    assert traceback_of(noted).endswith("ValueError: x\na note\n")
    group = raised(ExceptionGroup("several", [raised(KeyError("one")), ValueError("two")]))
    assert "KeyError: 'one'" in traceback_of(group)


def test_an_error_that_was_never_raised_has_no_traceback():
    assert traceback_of(ValueError("returned")) == ""
    assert failed(3, ValueError("returned"), ALWAYS).traceback == ""


def test_long_texts_keep_their_beginning_and_a_traceback_its_end():
    long = "ä" * MESSAGE_LIMIT
    message = message_of(ValueError(long))
    assert len(message.encode()) <= MESSAGE_LIMIT
    assert message.startswith("äää")
    assert "bytes left out" in message
    text = traceback_of(raised(ValueError("y" * TRACEBACK_LIMIT + "the end")))
    assert len(text.encode()) <= TRACEBACK_LIMIT
    assert text.startswith("Traceback")
    assert text.endswith("the end\n")


@given(st.text(alphabet=st.characters(), max_size=200), st.integers(1, 60))
def test_any_message_can_be_stored(text, times):
    message = message_of(ValueError(text * times))
    assert len(message.encode()) <= MESSAGE_LIMIT


def test_a_message_that_cannot_be_made_is_no_second_error():
    class Rude(ValueError):
        def __str__(self):
            raise KeyError("rude")

    assert message_of(Rude()) == "<str() of it raised KeyError>"
    assert failed(0, raised(Rude()), ALWAYS).message == "<str() of it raised KeyError>"


def test_lone_surrogates_are_escaped():
    assert message_of(ValueError("\ud800")) == "\\ud800"


@pytest.mark.parametrize(
    ("policy", "error", "again"),
    [
        ({}, ValueError(), True),
        ({}, SystemExit(3), True),
        ({}, NonRetryable("x"), False),
        ({}, RetryAfter(1), True),
        ({"retry_on": ("KeyError",)}, Custom(), True),
        ({"retry_on": ("LookupError",)}, Custom(), True),
        ({"retry_on": (f"{__name__}.Custom",)}, Custom(), True),
        ({"retry_on": ("Custom.Inner",)}, Custom.Inner(), True),
        ({"retry_on": ("KeyError",)}, ValueError(), False),
        ({"give_up_on": ("LookupError",)}, Custom(), False),
        ({"give_up_on": ("builtins.ValueError",)}, ValueError(), False),
        ({"retry_on": ("KeyError",), "give_up_on": (f"{__name__}.Custom",)}, Custom(), False),
        ({"give_up_on": ("SystemExit",)}, SystemExit(3), False),
    ],
)
def test_policy_decides_by_class_names_and_base_classes_count(policy, error, again):
    assert failed(0, error, RetryPolicy(**policy)).retryable is again
    assert failed(0, error, RetryPolicy(**policy), retry=False).retryable is False


def test_failures_of_one_kind_share_a_fingerprint():
    one, other = (failed(n, raised(ValueError(f"row {n}")), ALWAYS) for n in (1, 22))
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != failed(1, raised(KeyError("row 1")), ALWAYS).fingerprint


def test_the_other_kinds():
    assert (cancelled(3, 5).kind, cancelled(3, 5).duration, cancelled(3, 5).offset) == ("cancelled", 5, 3)
    assert released(4).kind == "released"
    assert lost(1, "exited with status 3").message == "the process running it exited with status 3"
    assert lost(1, "killed by signal 9 (SIGKILL)").message == "the process running it was killed by signal 9 (SIGKILL)"
    refused = rejected(2, ValueError("no"))
    assert (refused.kind, refused.code, refused.retryable) == ("failed", "result_rejected", False)
    text = failed(5, "in words", ALWAYS)
    assert (text.type, text.message, text.code) == ("HandlerFailure", "in words", "handler_failure")
