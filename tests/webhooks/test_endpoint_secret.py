"""Secrets: what is taken, what is refused without repeating it, and the keys that come of them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from stook.core.errors import OptionError
from stook.webhooks.endpoint_secret import (
    check_secret,
    library_form,
    new_secret,
    plain_key,
    secret_hint,
    standard_key,
)


def test_a_new_secret_is_taken_holds_32_bytes_and_is_never_the_same():
    made = new_secret()
    assert check_secret(made) == made
    assert len(standard_key(made)) == 32
    assert made != new_secret()


def whsec(size):
    return "whsec_" + base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize("good", [whsec(24), whsec(64), whsec(32).rstrip("="), "x" * 16, "~" * 256], ids=len)
def test_good_ones(good):
    assert check_secret(good) == good


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (whsec(23), "holds 23 bytes after whsec_, 24 to 64 are allowed"),
        (whsec(65), "holds 65 bytes"),
        ("whsec_" + "?" * 40, "is no base64 after whsec_"),
        ("whsec_" + "a" * 41, "is no base64 after whsec_"),
        ("s3cret-s3cret-s", "has 15 characters, 16 to 256 are allowed"),
        ("y" * 257, "has 257 characters"),
        ("", "has 0 characters"),
        ("äöü-äöü-äöü-äöü-äöü", "other than printable ASCII"),
        ("with a space inside it", "other than printable ASCII"),
        ("with\na line break inside", "other than printable ASCII"),
    ],
    ids=lambda value: value[:12].encode("ascii", "replace").decode(),
)
def test_bad_ones(bad, said):
    with pytest.raises(OptionError, match=said) as caught:
        check_secret(bad)
    assert caught.value.where == "secret"
    assert len(bad) < 12 or bad not in str(caught.value)


def test_keys_of_both_kinds():
    assert standard_key("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=") == b"0123456789abcdef0123456789abcdef"
    assert plain_key("whsec_MDEy") == b"whsec_MDEy"
    assert standard_key("0123456789abcdef") == plain_key("0123456789abcdef") == b"0123456789abcdef"


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=256) | st.builds(new_secret)
)
def test_a_library_reads_the_same_key(secret):
    assert Webhook(library_form(secret))._whsecret == standard_key(secret)


def test_the_hint_tells_four_characters():
    assert secret_hint("whsec_aaaaaaaaaaaaaaaabcd") == "whsec_…abcd"
    assert secret_hint("0123456789abcdef") == "…cdef"
