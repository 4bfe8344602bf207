"""The text of an API key's secret: `stk_<id>_<secret>`, or any other text that somebody chose for the first key."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from stook.core.errors import OptionError

__all__ = ["CHOSEN_ID", "check_chosen", "digest_of", "id_in", "is_secret", "secret_text"]

CHOSEN_ID: Final = "first"
"""The id of a key whose text was chosen by somebody and holds none."""
_FORM: Final = re.compile(r"stk_([0-9A-Za-z]{1,64})_[!-~]+")
_SHORTEST, _LONGEST = 8, 512


def secret_text(key_id: str, secret: str) -> str:
    return f"stk_{key_id}_{secret}"


def id_in(text: str) -> str:
    found = _FORM.fullmatch(text)
    return CHOSEN_ID if found is None else found[1]


def digest_of(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def is_secret(digest: bytes, current: bytes, old: bytes | None, old_until: int | None, now: int) -> bool:
    """Whether `digest` is of the current secret, or of the one before while that is still good. The time it takes does
    not depend on where they differ."""
    same = hmac.compare_digest(digest, current)
    if old is None or old_until is None or now >= old_until:
        return same
    return hmac.compare_digest(digest, old) or same


def check_chosen(text: str) -> None:
    """`OptionError` unless it can stand in a header and is not all too easy to guess."""
    if not _SHORTEST <= len(text) <= _LONGEST or re.fullmatch(r"[!-~]+", text) is None:
        raise OptionError(
            "the key that was chosen cannot be used",
            hint=f"{_SHORTEST} to {_LONGEST} printable ASCII characters without spaces, like stk_first_<random>",
        )
