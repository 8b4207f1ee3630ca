"""A server that speaks as much of S3 as grip needs, and believes no signature that it cannot make.

It signs each request again by the published rules of Signature Version 4, from what came over the
wire, and answers 403 where that is not what the client sent.
"""

import hashlib
import hmac
import re
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tests.threaded_server import ThreadedServer

REGION = "eu-test-1"
ACCESS_KEY = "GRIPTESTKEY"
SECRET_KEY = "a secret of the tests / with + signs"
BUCKET = "results"

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^,]+), ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


class S3Server(ThreadedServer):
    """One bucket in memory. `objects` and `types` are what lies in it, `uploads` what is open.

    `requests` are the methods and paths that came, `tokens` those of passing credentials, `fail` is
    a status that all answers have, and `most_part_bytes` the largest body that was sent.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.requests: list[str] = []
        self.tokens: set[str] = set()
        self.most_part_bytes = 0
        self.fail = 0
        super().__init__(_Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_PUT(self) -> None:
        body = self._body()
        if not self._is_admitted(body):
            return
        key, query = self._target()
        self.server.most_part_bytes = max(self.server.most_part_bytes, len(body))
        if "uploadId" in query:
            self.server.uploads[query["uploadId"]][int(query["partNumber"])] = body
        else:
            self.server.objects[key] = body
            self.server.types[key] = self.headers.get("content-type", "")
        self._answer(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})  # noqa: S324

    def do_POST(self) -> None:
        body = self._body()
        if not self._is_admitted(body):
            return
        key, query = self._target()
        if "uploads" in query:
            upload = f"upload-{len(self.server.requests)}"
            self.server.uploads[upload] = {}
            self.server.types[key] = self.headers.get("content-type", "")
            said = f"<UploadId>{upload}</UploadId>"
            self._xml("InitiateMultipartUploadResult", said)
            return
        parts = self.server.uploads.pop(query["uploadId"])
        order = [int(number) for number in re.findall(rb"<PartNumber>(\d+)<", body)]
        self.server.objects[key] = b"".join(parts[number] for number in order)
        self._xml("CompleteMultipartUploadResult", '<ETag>"whole"</ETag>')

    def do_GET(self) -> None:
        if not self._is_admitted(self._body()):
            return
        found = self.server.objects.get(self._target()[0])
        if found is None:
            self._xml("Error", "<Code>NoSuchKey</Code>", status=404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        assert asked is not None, "grip asks for ranges only"
        first, last = int(asked[1]), min(int(asked[2]), len(found) - 1)
        headers = {
            "Content-Range": f"bytes {first}-{last}/{len(found)}",
            "ETag": '"whole"',
            "Last-Modified": "Sat, 21 Nov 2026 00:00:00 GMT",
        }
        self._answer(206, found[first : last + 1], headers)

    def do_DELETE(self) -> None:
        if not self._is_admitted(self._body()):
            return
        key, query = self._target()
        if "uploadId" in query:
            self.server.uploads.pop(query["uploadId"], None)
        else:
            self.server.objects.pop(key, None)
        self._answer(204)

    def _is_admitted(self, body: bytes) -> bool:
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.tokens |= set(self.headers.get_all("x-amz-security-token", []))
        if self.server.fail:
            self._xml("Error", "<Code>Told</Code>", status=self.server.fail)
            return False
        if not self._is_signed(body):
            self._xml("Error", "<Code>SignatureDoesNotMatch</Code>", status=403)
            return False
        return True

    def _is_signed(self, body: bytes) -> bool:
        found = _AUTHORIZATION.fullmatch(self.headers.get("authorization", ""))
        payload = self.headers.get("x-amz-content-sha256", "")
        if found is None or payload != hashlib.sha256(body).hexdigest():
            return False
        key_id, date, region, service, end = found["credential"].split("/")
        if (key_id, region, service, end) != (ACCESS_KEY, REGION, "s3", "aws4_request"):
            return False
        parts = urlsplit(self.path)
        pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
        names = found["headers"].split(";")
        canonical = "\n".join(
            (
                self.command,
                quote(unquote(parts.path), safe="/-_.~"),
                "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs),
                *(f"{name}:{' '.join(self.headers[name].split())}" for name in names),
                "",
                found["headers"],
                payload,
            )
        )
        scope = f"{date}/{region}/{service}/{end}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{self.headers['x-amz-date']}\n{scope}\n{digest}"
        signing = f"AWS4{SECRET_KEY}".encode()
        for step in (date, region, service, end, text):
            signing = hmac.new(signing, step.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(signing.hex(), found["signature"])

    def _target(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        key = unquote(parts.path).removeprefix(f"/{BUCKET}/")
        return key, dict(parse_qsl(parts.query, keep_blank_values=True))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def _xml(self, root: str, inner: str, status: int = 200) -> None:
        text = f'<?xml version="1.0" encoding="UTF-8"?><{root}>{inner}</{root}>'
        self._answer(status, text.encode(), {"Content-Type": "application/xml"})

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
