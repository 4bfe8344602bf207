"""Who sends: the header of an endpoint's own."""

from __future__ import annotations

import pytest

from stook.core.errors import OptionError
from stook.webhooks import schemes
from stook.webhooks.letter import Letter, check_auth, headers_of, masked


@pytest.mark.parametrize(
    ("given", "header"),
    [
        (("none", None, None), None),
        (("bearer", None, "t0ken"), ("Authorization", "Bearer t0ken")),
        (("header", "X-Api-Key", "a b"), ("X-Api-Key", "a b")),
        (("header", "Authorization", "Basic eA=="), ("Authorization", "Basic eA==")),
    ],
    ids=lambda value: str(value[0]) if value else "nothing",
)
def test_good_ones(given, header):
    assert check_auth(*given) == header


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("none", "X", None), "kind"),
        (("none", None, "v"), "kind"),
        (("basic", None, "v"), "kind"),
        (("bearer", "X", "v"), "name"),
        (("bearer", None, None), "value"),
        (("bearer", None, ""), "value"),
        (("header", None, "v"), "name"),
        (("header", "", "v"), "name"),
        (("header", "X Y", "v"), "name"),
        (("header", "X:", "v"), "name"),
        (("header", "X\r\nY", "v"), "name"),
        (("header", "Host", "v"), "name"),
        (("header", "content-LENGTH", "v"), "name"),
        (("header", "Transfer-Encoding", "v"), "name"),
        (("header", "Webhook-Id", "v"), "name"),
        (("header", "X-Vellum-Signature", "v"), "name"),
        (("header", "X-Attempt", "v"), "name"),
        (("header", "X", None), "value"),
        (("header", "X", "s3cret\r\nY: z"), "value"),
        (("header", "X", " s3cret"), "value"),
        (("header", "X", "s3crät"), "value"),
        (("header", "X", "s3cret" * 1000), "value"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:30],
)
def test_bad_ones(given, field):
    with pytest.raises(OptionError) as caught:
        check_auth(*given)
    assert caught.value.where == f"auth.{field}"
    assert "s3cr" not in str(caught.value)


def test_a_scheme_of_others_signs_beside_ours(monkeypatch):
    class Loud:
        name = "loud"

        def headers(self, outgoing):
            return {"X-Loud": f"{outgoing.method} {outgoing.event_id} {outgoing.timestamp} {outgoing.secrets[0]}"}

    monkeypatch.setattr(schemes, "_registered", schemes._registered | {"loud": Loud()})
    letter = Letter("evt_1", b"{}", 2, "http://h/", ["standard", "loud"], ["0123456789abcdef"], ("X-Key", "hush"))
    made = headers_of(letter, "http://h/", 7)
    assert made["X-Loud"] == "POST evt_1 7 0123456789abcdef"
    assert "webhook-signature" in made
    assert "X-Vellum-Signature" not in made
    assert masked(made, letter.auth) == made | {"X-Key": "***"}
