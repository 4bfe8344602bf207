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
    "metrics": ("open", "open"),
    "log_format": ("json", "json"),
    "log_level": ("debug", "debug"),
    "encryption_key": ("one,other", "one,other"),
    "webhook_allow_private": ("true", True),
    "webhook_allowed_cidrs": ("10.0.0.0/8, ::1/128", ("10.0.0.0/8", "::1/128")),
    "webhook_ports": ("443,8443", (443, 8443)),
    "webhook_schedule": ("0,1.5,60", (0, 1.5, 60)),
    "webhook_retention_days": ("7", 7),
    "event_retention_days": ("3", 3),
    "log_lines": ("0", 0),
    "log_bytes": ("4096", 4096),
    "log_line_bytes": ("100", 100),
    "log_captured_level": ("error", "error"),
    "root_dialect": ("kernel", "kernel"),
    "upload_bytes": ("4096", 4096),
    "github_sources": ("false", False),
    "github_url": ("https://git.example.com/api/v3", "https://git.example.com/api/v3"),
    "kernel_payload_bytes": ("100", 100),
    "kernel_sync_seconds": ("30.5", 30.5),
    "kernel_batch_items": ("10", 10),
    "kernel_batch_bytes": ("2048", 2048),
    "kernel_unqueued": ("a,b", ("a", "b")),
    "hosting": ("on", "on"),
    "hosting_folder": ("/srv/hosting", "/srv/hosting"),
    "hosting_url": ("https://stook.example.com", "https://stook.example.com"),
    "hosting_replicas": ("2", 2),
    "hosting_total": ("9", 9),
    "hosting_idle_seconds": ("0.5", 0.5),
    "hosting_runs": ("10", 10),
    "hosting_memory_mb": ("64", 64),
    "hosting_processes": ("16", 16),
    "hosting_kill_seconds": ("0", 0.0),
    "hosting_load_seconds": ("5", 5.0),
    "hosting_build_seconds": ("30", 30.0),
    "hosting_wheels": ("wheels", "wheels"),
    "hosting_no_index": ("true", True),
    "hosting_uids": ("20000-20009", "20000-20009"),
    "kernel_result_bytes": ("100", 100),
    "vellum_push_seconds": ("60", 60.0),
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
    ("log_lines", "-1", "is not between 0 and 100000"),
    ("log_bytes", "10", "is not between 1024 and 16777216"),
    ("log_line_bytes", "2000000", "is not between 64 and 1048576"),
    ("log_captured_level", "trace", "is not 'debug' or 'info' or"),
    ("project", "x" * 513, "is no name of 1 to 512 bytes"),
    ("root_dialect", "temporal", "is not 'none' or 'kernel' or 'vellum'"),
    ("upload_bytes", "10", "is not between 1024 and"),
    ("github_url", "ftp://example.com", "is no http.s. URL"),
    ("kernel_sync_seconds", "nan", "is not between 1 and 3600"),
    ("kernel_batch_items", "0", "is not between 1 and 10000000"),
    ("hosting", "maybe", "is not 'auto' or 'on' or 'off'"),
    ("hosting_replicas", "0", "is not between 1 and 1000"),
    ("hosting_total", "0", "is not between 1 and 1000"),
    ("hosting_memory_mb", "1", "is not between 32 and"),
    ("hosting_uids", "20000-", "is no range of users like 20000-29999"),
    ("hosting_uids", "0-5", "is no range of users like 20000-29999"),
    ("hosting_uids", "9-5", "is no range of users like 20000-29999"),
    ("webhook_allow_private", "perhaps", "is not true or false"),
    ("webhook_allowed_cidrs", "10.0.0.0/8,10.0.0.1/8", "is no network like 10.0.0.0/8: 10.0.0.1/8 has host bits set"),
    ("webhook_allowed_cidrs", "localhost", "is no network like"),
    ("webhook_ports", "443,https", "is not a list of whole numbers with commas"),
    ("webhook_ports", "70000", "is not between 1 and 65535"),
    ("webhook_retention_days", "0", "is not between 1 and 3650"),
    ("event_retention_days", "0", "is not between 1 and 3650"),
    ("webhook_schedule", ",", "is none: a schedule of 0 attempts"),
    ("webhook_schedule", "0,soon", "is not a list of seconds with commas"),
    ("webhook_schedule", "0,-1", "is none: .*-1.0 is not a number of seconds"),
    ("webhook_schedule", "nan", "is none: .*nan is not a number of seconds"),
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
        ({"url": 5}, r"url=\*\*\* is not text"),
        ({"encryption_key": b"hunter2"}, r"encryption_key=\*\*\* is not text"),
    ],
    ids=str,
)
def test_a_wrong_value_that_was_given_is_named_too(given, said):
    with pytest.raises(ConfigError, match=f"^{said}"):
        read_settings({}, **given)


def test_settings_show_neither_keys_nor_passwords():
    given = {"url": "postgresql://user:hunter2@host/db", "encryption_key": "hunter3,hunter4", "webhook_ports": (443,)}
    for text in (repr(read_settings({}, **given)), str(read_settings({}, **given)), f"{[read_settings({}, **given)]}"):
        assert "hunter" not in text
        assert "url='postgresql://user:***@host/db'" in text
        assert "encryption_key='***'" in text
        assert "webhook_ports=(443,)" in text
    assert "encryption_key=''" in repr(read_settings({}))
