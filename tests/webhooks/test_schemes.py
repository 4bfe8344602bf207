"""Which schemes there are, and how others add theirs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from stook.core.errors import ConfigError, OptionError
from stook.webhooks import schemes
from stook.webhooks.schemes import DEFAULT, check_schemes, find_scheme, register
from stook.webhooks.signing import StandardScheme


class Loud:
    name = "loud"

    def headers(self, outgoing):
        return {"X-Loud": outgoing.body.decode().upper()}


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(schemes, "_registered", dict(schemes._registered))


def test_both_of_stooks_own_are_the_default():
    assert DEFAULT == ("standard", "vellum")
    assert check_schemes(["vellum", "standard", "vellum"]) == ["vellum", "standard"]


def test_a_registered_one_is_found():
    loud = Loud()
    register(loud)
    register(loud)
    assert find_scheme("loud") is loud


def test_nobody_takes_anothers_name():
    with pytest.raises(ConfigError, match="there is a webhook scheme 'standard' already"):
        register(StandardScheme())


def test_an_unknown_one_is_refused_with_those_there_are():
    with pytest.raises(OptionError, match=r"no webhook scheme 'quiet' \(there are: standard, vellum\)"):
        find_scheme("quiet")
    with pytest.raises(OptionError, match="no scheme would sign"):
        check_schemes([])


def test_a_package_that_is_installed_adds_its_own(tmp_path):
    meta = tmp_path / "loud-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text("[stook.webhook_schemes]\nloud = loud_scheme:LOUD\n")
    (tmp_path / "loud_scheme.py").write_text(
        textwrap.dedent("""
            class Loud:
                name = "loud"
                def headers(self, outgoing):
                    return {"X-Loud": outgoing.url}
            LOUD = Loud()
        """)
    )
    program = "from stook.webhooks.schemes import find_scheme; print(find_scheme('loud').name)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "loud\n"
