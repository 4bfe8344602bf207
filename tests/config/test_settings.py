"""Every setting: its variable, its default, its limits, and who wins."""

from __future__ import annotations

import msgspec
import pytest

from stook.config.settings import Settings, read_settings
from stook.core.errors import ConfigError

GOOD = {
    "url": ("postgresql://host/db", "postgresql://host/db"),
    "project": ("äpfel", "äpfel"),
    "synchronous": ("normal", "normal"),
    "inline_bytes": ("1024", 1024),
    "max_payload_bytes": ("1000000", 1_000_000),
    "lease_seconds": ("2.5", 2.5),
}


def test_every_setting_is_tested_here():
    assert set(GOOD) == {field.name for field in msgspec.structs.fields(Settings)}


@pytest.mark.parametrize("name", GOOD)
def test_a_setting_is_read_from_its_variable(name):
    text, value = GOOD[name]
    assert getattr(read_settings({f"STOOK_{name.upper()}": text}), name) == value
    assert read_settings({}) == Settings()


@pytest.mark.parametrize("name", GOOD)
def test_what_is_given_wins_and_none_is_not_given(name):
    text, value = GOOD[name]
    assert getattr(read_settings({f"STOOK_{name.upper()}": "never read"}, **{name: value}), name) == value
    assert getattr(read_settings({f"STOOK_{name.upper()}": text}, **{name: None}), name) == value


@pytest.mark.parametrize("name", GOOD)
def test_an_empty_variable_is_not_set(name):
    assert read_settings({f"STOOK_{name.upper()}": ""}) == Settings()


def test_variables_of_others_are_nobodys_business():
    assert read_settings({"STOOK_TEST_POSTGRES": "embedded", "URL": "x"}) == Settings()


BAD = [
    ("synchronous", "maybe", "is not 'off' or 'normal' or 'full' or 'extra'"),
    ("inline_bytes", "64K", "is not a whole number"),
    ("inline_bytes", "1.5", "is not a whole number"),
    ("inline_bytes", "0", "is not between 1 and 1073741824"),
    ("inline_bytes", "-5", "is not between 1 and"),
    ("max_payload_bytes", "9999999999", "is not between 1 and 1073741824"),
    ("lease_seconds", "soon", "is not a number of seconds"),
    ("lease_seconds", "0", r"is not between 0.1 and 86400 seconds"),
    ("lease_seconds", "-1", "is not between 0.1 and"),
    ("lease_seconds", "nan", "is not between 0.1 and"),
    ("lease_seconds", "inf", "is not between 0.1 and"),
    ("project", "x" * 513, "is no name of 1 to 512 bytes"),
]


@pytest.mark.parametrize(("name", "text", "said"), BAD, ids=lambda value: str(value)[:20])
def test_a_wrong_value_is_named_with_its_variable(name, text, said):
    with pytest.raises(ConfigError, match=rf"^STOOK_{name.upper()}=.* {said}.* \(change or unset the variable\)$"):
        read_settings({f"STOOK_{name.upper()}": text})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lease_seconds": -1.0}, "lease_seconds=-1.0 is not between 0.1 and 86400 seconds"),
        ({"lease_seconds": True}, "lease_seconds=True is not a number of seconds"),
        ({"inline_bytes": "many"}, "inline_bytes='many' is not a whole number"),
        ({"synchronous": "maybe"}, "synchronous='maybe' is not 'off' or"),
        ({"project": ""}, "project='' is no name of 1 to 512 bytes"),
        ({"project": "a\0b"}, r"project='a\\x00b' is no name"),
        ({"url": 5}, "url=5 is not text"),
    ],
    ids=str,
)
def test_a_wrong_value_that_was_given_is_named_too(given, said):
    with pytest.raises(ConfigError, match=f"^{said}"):
        read_settings({}, **given)
