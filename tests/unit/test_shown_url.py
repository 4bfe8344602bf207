"""No address shows its password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stook.core.shown_url import shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:hunter2@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://host/db?sslmode=require", "postgresql://host/db?sslmode=require"),
        ("postgresql://host/db?password=hunter2&sslpassword=x&user=me", "postgresql://host/db?password=***&sslpassword=***&user=me"),
        ("postgres//user:hunter2@host/db", "postgres//user:***@host/db"),
        ("user:hunter2@host/db", "user:***@host/db"),
        ("sqlite:///C:/data@home/stook.db", "sqlite:///C:/data@home/stook.db"),
        ("stook.db", "stook.db"),
    ],
)  # fmt: skip
def test_what_is_shown(url, shown):
    assert shown_url(url) == shown


@given(st.text(min_size=1), st.sampled_from(["host/db", "[::1]:5432", "", "a@b?password=x@y"]))
def test_whatever_the_password_holds(password, place):
    marked = f"<{password}>"
    assert marked not in shown_url(f"postgresql://user:{marked}@{place}")
