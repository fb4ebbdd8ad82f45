"""One HTTP POST and what its answer means for a message."""

from __future__ import annotations

import http.client
import time
from contextlib import closing
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from eachwise.contracts.delivery import Receipt

# Of an answer; what it says is for people to read in ``reason``.
ANSWER_BYTES_MAX = 2000
_LATER = frozenset({408, 425, 429})


def post(
    url: str,
    body: bytes,
    headers: dict[str, str],
    timeout_s: float,
    *,
    gone: frozenset[int] = frozenset({410}),
) -> Receipt:
    """Post and read the answer. 2xx: sent; 408, 425, 429, 5xx and no answer: later; ``gone``: no such address; other
    statuses, redirects among them: refused.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Receipt(outcome="refused", reason=f"{url[:200]!r} is not an http address")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(kind(parts.hostname, parts.port, timeout=timeout_s)) as connection:
            connection.request("POST", target, body, headers)
            response = connection.getresponse()
            words = response.read(ANSWER_BYTES_MAX).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = f"no answer from {parts.hostname}: {str(error) or type(error).__name__}"
        return Receipt(outcome="retry", reason=reason[:500])
    status = response.status
    if 200 <= status < 300:
        return Receipt(outcome="sent", provider_id=response.getheader("X-Message-Id") or "")
    reason = f"{parts.hostname} answered {status} {' '.join(words.split())}"[:500]
    if status in gone:
        return Receipt(outcome="gone", reason=reason)
    if status in _LATER or status >= 500:
        wait_s = retry_after_s(response.getheader("Retry-After") or "", time.time())
        return Receipt(outcome="retry", reason=reason, retry_after_s=wait_s)
    return Receipt(outcome="refused", reason=reason)


def retry_after_s(header: str, now_s: float) -> float:
    """Seconds that ``Retry-After`` asks to wait (RFC 9110: seconds, or a date); 0 where it says nothing readable."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 86_400 * 30))
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s) if text else 0.0
    except ValueError:
        return 0.0
