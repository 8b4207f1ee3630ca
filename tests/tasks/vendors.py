"""Vendors that call back, in the test's own process: fal's wire and Replicate's, signed for real.

Each takes submissions, remembers where it was asked to call, and tells of its jobs what the test
says. It calls nobody by itself: a test posts what `call` returns, or something else.
"""

import base64
import datetime as dt
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from grip.providers.port import UpstreamRequest
from grip.providers.sandbox import media
from grip.transport.port import Reply, TransportFault
from tests.conftest import FakeClock

PICTURE = "data:image/png;base64," + base64.b64encode(media.picture()).decode()
JSON = {"content-type": "application/json"}


@dataclass
class Call:
    """A call of a vendor's, as it goes over the wire."""

    url: str
    headers: dict[str, str]
    body: bytes


class Vendor:
    """What both vendors have in common: jobs, and how the test wants them to go."""

    kind = ""
    base_url = ""
    model = ""
    finds = False

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.hooks: dict[str, str | None] = {}
        self.done: set[str] = set()
        self.says: dict[str, Reply | str] = {}
        self.posts = 0
        self.looks: Counter[str] = Counter()
        self.key_looks = 0
        self.key = 0
        self.keys_are_down = False
        self.events = 0

    def answer(self, request: UpstreamRequest) -> Reply | None:
        """Return the vendor's answer, None to what is not its; raise where the exchange breaks."""
        if not request.url.startswith(self.base_url) and not self.is_for_keys(request):
            return None
        if self.is_for_keys(request):
            self.key_looks += 1
            return reply(500) if self.keys_are_down else reply(200, self.shown_key())
        if request.method == "POST" and not request.url.endswith("/cancel"):
            self.posts += 1
            job = self.named(self.posts)
            told = self.says.get("submit")
            if isinstance(told, Reply):
                return told
            self.hooks[job] = self.hook_of(request)
            if told is not None:
                raise TransportFault(told, "the connection broke")
            return reply(201, self.taken(job))
        if told := self.says.get("look"):
            assert isinstance(told, Reply)
            return told
        return self.look(request)

    def call(
        self, job: str, event: str = "", *, key: int = 0, at_s: int | None = None, **says: Any
    ) -> Call:
        """Return the vendor's call about a job, signed with its key of this number."""
        self.events += 1
        now_s = self.clock.now_us // 1_000_000
        body = json.dumps(self.told(job) | says).encode()
        url = self.hooks[job]
        assert url is not None
        event = event or f"event-{self.events}"
        return Call(url, self.signed(event, body, key, now_s if at_s is None else at_s), body)

    def is_for_keys(self, request: UpstreamRequest) -> bool:
        raise NotImplementedError

    def shown_key(self) -> Any:
        raise NotImplementedError

    def hook_of(self, request: UpstreamRequest) -> str | None:
        raise NotImplementedError

    def named(self, number: int) -> str:
        raise NotImplementedError

    def taken(self, job: str) -> Any:
        raise NotImplementedError

    def look(self, request: UpstreamRequest) -> Reply:
        raise NotImplementedError

    def told(self, job: str) -> dict[str, Any]:
        raise NotImplementedError

    def signed(self, event: str, body: bytes, key: int, at_s: int) -> dict[str, str]:
        raise NotImplementedError


class Fal(Vendor):
    """fal's queue: ED25519, and keys that anybody may read."""

    kind = "fal"
    base_url = "https://queue.fal.run"
    model = "fal-ai/flux/dev"
    app = "fal-ai/flux"

    def is_for_keys(self, request: UpstreamRequest) -> bool:
        return request.url == "https://rest.fal.ai/.well-known/jwks.json"

    def shown_key(self) -> Any:
        x = base64.urlsafe_b64encode(self._private(self.key).public_key().public_bytes_raw())
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x.decode().rstrip("=")}]}

    def hook_of(self, request: UpstreamRequest) -> str | None:
        return parse_qs(urlsplit(request.url).query).get("fal_webhook", [None])[0]

    def named(self, number: int) -> str:
        return f"job-{number}"

    def taken(self, job: str) -> Any:
        url = f"{self.base_url}/{self.app}/requests/{job}"
        return {"request_id": job, "response_url": url, "status": "IN_QUEUE"}

    def look(self, request: UpstreamRequest) -> Reply:
        job = request.url.partition("/requests/")[2].partition("/")[0]
        self.looks[job] += 1
        if job not in self.hooks:
            return reply(404)
        if not request.url.endswith("/status"):
            return reply(200, {"images": [{"url": PICTURE}]})
        is_done = job in self.done
        return reply(200, {"request_id": job, "status": "COMPLETED" if is_done else "IN_PROGRESS"})

    def told(self, job: str) -> dict[str, Any]:
        return {"request_id": job, "gateway_request_id": job, "status": "OK", "payload": {}}

    def signed(self, event: str, body: bytes, key: int, at_s: int) -> dict[str, str]:
        parts = [event, "user-1", str(at_s)]
        message = "\n".join([*parts, hashlib.sha256(body).hexdigest()]).encode()
        names = ("request-id", "user-id", "timestamp", "signature")
        values = [*parts, self._private(key).sign(message).hex()]
        return {f"x-fal-webhook-{name}": value for name, value in zip(names, values, strict=True)}

    def _private(self, number: int) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))


class Replicate(Vendor):
    """Replicate: a secret of the account's, asked for with its key; jobs can be listed."""

    kind = "replicate"
    base_url = "https://api.replicate.com/v1"
    model = "black-forest-labs/flux"
    finds = True

    def is_for_keys(self, request: UpstreamRequest) -> bool:
        return request.url.endswith("/webhooks/default/secret")

    def shown_key(self) -> Any:
        return {"key": self._secret(self.key)}

    def hook_of(self, request: UpstreamRequest) -> str | None:
        found: str | None = json.loads(request.body).get("webhook")
        return found

    def named(self, number: int) -> str:
        return f"job{number}"

    def taken(self, job: str) -> Any:
        return {"id": job, "status": "starting"}

    def look(self, request: UpstreamRequest) -> Reply:
        path = urlsplit(request.url).path.rpartition("/predictions")[2]
        if not path:
            return reply(200, {"results": [], "next": None})
        job = path.strip("/").partition("/")[0]
        self.looks[job] += 1
        return reply(200, self.told(job)) if job in self.hooks else reply(404)

    def told(self, job: str) -> dict[str, Any]:
        if job in self.done:
            return {"id": job, "status": "succeeded", "output": [PICTURE]}
        return {"id": job, "status": "processing"}

    def signed(self, event: str, body: bytes, key: int, at_s: int) -> dict[str, str]:
        at = dt.datetime.fromtimestamp(at_s, dt.UTC)
        signature = Webhook(self._secret(key)).sign(event, at, body.decode())
        return {
            "webhook-id": event,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature,
        }

    def _secret(self, number: int) -> str:
        return "whsec_" + base64.b64encode(bytes([number] * 24)).decode()


def reply(status: int, body: Any = None) -> Reply:
    """Return an answer with this body as JSON."""
    return Reply(status=status, headers=JSON, body=json.dumps(body or {}).encode())
