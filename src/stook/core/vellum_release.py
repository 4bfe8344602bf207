"""Releases of a workflow deployment: their tags, and the names that deployments may have."""

from __future__ import annotations

import re
from typing import Final

from stook.core.errors import OptionError

__all__ = [
    "LATEST",
    "SYSTEM",
    "USER",
    "check_deployment_name",
    "check_release_tag",
    "kebab_case",
    "source_of",
    "static_tag",
]

LATEST: Final = "LATEST"
SYSTEM: Final = "SYSTEM"
"""Tags that stook moves, or mints with a release."""
USER: Final = "USER"
"""Tags that people move."""
_TAG: Final = re.compile(r"\w(?:[\w-]|\.(?!\.)){0,148}\w|\w")
_NAME: Final = re.compile(r"[^\W_](?:[\w.-]{0,98}[^\W_])?")
_WORD: Final = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z]+[0-9]*|\b)|[A-Z]?[a-z]+[0-9]*|[A-Z]|[0-9]+")


def check_release_tag(text: str, holder: str | None = None) -> str:
    """`text`, if people may move a tag of this name. `holder`: the id of the release that it points at so far.
    `OptionError` says why not."""
    if not _TAG.fullmatch(text):
        raise OptionError(
            f"{text!r} is no release tag",
            where="release_tags",
            hint="1 to 150 letters, digits, dashes, underscores and single dots, beginning and ending with a letter",
        )
    if source_of(text, holder) == SYSTEM:
        raise OptionError(f"nobody can move the release tag {text!r}", where="release_tags", hint="choose another name")
    return text


def static_tag(release_id: str) -> str:
    """The tag that a release has from the first moment, and for ever."""
    return release_id.replace("-", "")[:12]


def source_of(tag: str, release_id: str | None) -> str:
    """`SYSTEM` or `USER`, of a tag that points at this release."""
    return SYSTEM if tag == LATEST or (release_id is not None and tag == static_tag(release_id)) else USER


def check_deployment_name(text: str) -> str:
    """`text`, if a workflow deployment may be named so. `OptionError` says why not."""
    if not _NAME.fullmatch(text):
        raise OptionError(
            f"{text!r} is no name for a workflow deployment",
            where="name",
            hint="1 to 100 letters, digits, dots, dashes and underscores, with a letter or digit at both ends",
        )
    return text


def kebab_case(text: str) -> str:
    """As Vellum's command line names a deployment after its module: `my_HTTPFlow2` becomes `my-http-flow2`."""
    return "-".join(_WORD.findall(re.sub(r"[\s_-]+", " ", text))).lower()
