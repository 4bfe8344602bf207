"""What schemathesis makes of the served OpenAPI document, with one key."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from soak.fuzz_judge import SHAPED, is_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from soak.report import Ledger

__all__ = ["run_document_cases"]

_CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
ASKED: Final = "the document holds for every request that schemathesis makes"
_LEFT_OUT: Final = "/follow$|/worker/"
"""Answers without an end, or that wait, and bodies in MessagePack: the other fuzzer asks there. It takes the ids that
it is told for more requests, so it may not revoke keys."""
_REFUSED: Final = 400
_HANG: Final = 10


def run_document_cases(
    ledger: Ledger, url: str, role: str, secret: str, folder: Path, *, seed: int, seconds: float
) -> dict[str, int]:
    """Each failure goes to the ledger with the request that repeats it."""
    report = folder / f"schemathesis-{role}.ndjson"
    words = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/v1/openapi.json"),
        *("-H", f"Authorization: Bearer {secret}", "--checks", ",".join(_CHECKS), "--seed", str(seed)),
        *("--max-time", str(max(1, round(seconds))), "--max-examples", "200", "--mode", "all", "--no-shrink"),
        *("--exclude-operation-id", "revoke_key", "--exclude-operation-id", "rotate_key"),
        *(
            "--exclude-operation-id",
            "submit_execution",
            "--exclude-path-regex",
            _LEFT_OUT,
            "--request-timeout",
            str(_HANG),
        ),
        *("--phases", "coverage,fuzzing", "--workers", "2", "--warnings", "off", "--suppress-health-check", "all"),
        "--continue-on-failure",
        *("--report-ndjson-path", str(report), "--generation-database", "none", "--output-sanitize", "false"),
    ]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=folder, timeout=seconds * 4 + 300)
    if not report.exists():
        raise RuntimeError(f"schemathesis did not run: {(done.stderr or done.stdout)[-1000:]}")
    asked = 0
    for event in _events(report):
        if "NonFatalError" in event:
            error = event["NonFatalError"]
            if error["value"]["type"] == "SystemError":  # the interpreter failed schemathesis
                continue
            ledger.wrong(ASKED, f"{role}: {error.get('label')}: {str(error['value'])[:400]}")
        for name, one in event.get("ScenarioFinished", {}).get("recorder", {}).get("interactions", {}).items():
            asked += 1
            checks = event["ScenarioFinished"]["recorder"]["checks"].get(name, [])
            failed = [check for check in checks if check["status"] == "failure"]
            asking = one["request"]
            brief = f"{asking['method']} {asking['uri'].removeprefix(url)[:300]} {_text(asking.get('body'))[:300]!r}"
            answer = one.get("response")
            ledger.expect(ASKED, not failed, f"{role}: {brief}: {str(failed)[:600]}")
            if answer is not None and answer["status_code"] >= _REFUSED:
                body = _text(answer.get("content"))
                ledger.expect(SHAPED, is_refusal(body), f"{role}: {brief}: {answer['status_code']} {body[:300]!r}")
    return {f"requests of schemathesis as {role}": asked}


def _events(report: Path) -> Iterator[dict[str, Any]]:
    with report.open() as lines:
        for line in lines:
            yield json.loads(line)


def _text(body: Any) -> bytes:
    found = (body or {}).get("$base64", "") if isinstance(body, dict) else ""
    return base64.b64decode(found)
