"""Sizes of web pages: an upstream that asks for patience gets it, one that is down is not asked a thousand times."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass

from stook import App, FailurePolicy, NonRetryable, RetryAfter, RetryPolicy

app = App("fetch")

TOO_MANY, GONE = 429, (404, 410)


@dataclass
class Page:
    url: str


@app.task(
    max_attempts=5,
    timeout=30,
    retry=RetryPolicy(backoff="exponential", base=1, max_delay=60, jitter=0.2),
    failures=FailurePolicy(burst=50),  # so many failures in a row pause the batch
)
def size(page: Page) -> int:
    if not page.url.startswith(("http:", "https:")):
        raise NonRetryable(f"{page.url} is no web page")
    try:
        with urllib.request.urlopen(page.url, timeout=20) as response:  # noqa: S310 - the scheme is checked above
            return len(response.read())
    except urllib.error.HTTPError as error:
        if error.code == TOO_MANY:
            raise RetryAfter(float(error.headers.get("Retry-After", 5))) from error
        if error.code in GONE:
            raise NonRetryable(f"HTTP {error.code}") from error
        raise
