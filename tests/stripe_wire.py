"""The wire of the server in `stripe_server`: forms, lists, idempotency keys, and faults."""

import hashlib
import json
import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "sk_test_of_the_tests"


class Handler(BaseHTTPRequestHandler):
    """One connection to the account that `server` is."""

    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._serve(parts.path, _nested(parse_qsl(parts.query)), self._get)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        form = _nested(parse_qsl(body, keep_blank_values=True))
        self._serve(self.path, form, self._post)

    def _serve(self, path: str, form: dict[str, Any], act: Any) -> None:
        server = self.server
        with server.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append((self.command, path, headers, form))
            fault = server.faults.pop(0) if server.faults else "none"
        if headers.get("authorization") != f"Bearer {KEY}":
            said = f"Invalid API Key provided: {headers.get('authorization')}"
            self._answer(401, refusal("invalid_request_error", said))
        elif fault == "500":
            self._answer(500, refusal("api_error", "Something went wrong on Stripe's end"))
        elif fault == "429":
            self._answer(429, refusal("invalid_request_error", "Too many requests", "rate_limit"))
        else:
            status, answer = act(path, form)
            self._tell(fault, status, answer)

    def _tell(self, fault: str, status: int, answer: dict[str, Any]) -> None:
        if fault == "hang":
            self.server.hangs.set()
            self.server.release.wait(60)
        if fault in {"lost", "hang"}:
            self.close_connection = True
        elif fault == "cut":
            self._answer(status, answer, cut=True)
        elif fault == "garbage":
            self._raw(200, b"<html>a proxy's page</html>")
        elif fault == "array":
            self._raw(200, b"[]")
        else:
            self._answer(status, answer)

    def _post(self, path: str, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Do it under its key, as Stripe's own words on idempotency have it."""
        server, key = self.server, self.headers["idempotency-key"]
        mark = hashlib.sha256(json.dumps([path, form], sort_keys=True).encode()).hexdigest()
        with server.lock:
            if key in server.keys:
                return _again(server.keys[key], mark)
            server.keys[key] = None
            status, answer = self._do(path, form)
            kept: dict[str, Any] = json.loads(json.dumps(answer))
            server.keys[key] = (mark, status, kept)
            return status, kept

    def _do(self, path: str, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/v1/refunds":
            refund: tuple[int, dict[str, Any]] = self.server.make_refund(form)
            return refund
        assert path == "/v1/checkout/sessions", path
        empty = next((name for name, value in form.items() if value == ""), None)
        if empty is not None:
            said = f"You passed an empty string for '{empty}'"
            return 400, refusal("invalid_request_error", said, "parameter_invalid_empty")
        if "success_url" not in form:
            said = "Missing required param: success_url."
            return 400, refusal("invalid_request_error", said, "parameter_missing")
        price = form["line_items"]["0"]["price_data"]
        wait = int(form["expires_at"]) - self.server.now_s
        if not 30 * 60 <= wait <= 24 * 60 * 60:
            said = "The `expires_at` timestamp must be between 30 minutes and 24 hours"
            return 400, refusal("invalid_request_error", said)
        name = self.server.new_id("cs_test")
        made = {
            "id": name,
            "object": "checkout.session",
            "amount_total": int(price["unit_amount"]) * int(form["line_items"]["0"]["quantity"]),
            "client_reference_id": form["client_reference_id"],
            "created": self.server.now_s,
            "currency": price["currency"],
            "customer_email": form.get("customer_email"),
            "expires_at": int(form["expires_at"]),
            "livemode": False,
            "metadata": form["metadata"],
            "mode": form["mode"],
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "url": f"https://checkout.stripe.com/c/pay/{name}",
            "_intent_metadata": form["payment_intent_data"]["metadata"],
        }
        self.server.sessions[name] = made
        return 200, made

    def _get(self, path: str, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        server = self.server
        session = server.sessions.get(path.removeprefix("/v1/checkout/sessions/"))
        if session is not None:
            return 200, session | {"payment_intent": server.intents.get(session["payment_intent"])}
        if path == "/v1/payment_intents/search":
            found = re.fullmatch(r"metadata\['order_id'\]:'(.*)'", form["query"])
            assert found is not None
            order = found[1]
            rows = [i for i in server.intents.values() if i["metadata"].get("order_id") == order]
            return 200, {"object": "search_result", "data": rows, "has_more": False}
        lists = {"refunds": server.refunds, "disputes": server.disputes, "charges": server.charges}
        kind = path.removeprefix("/v1/")
        if kind not in lists:
            return 404, refusal(
                "invalid_request_error", f"No such object: {path}", "resource_missing"
            )
        return 200, _page(list(reversed(lists[kind].values())), path, form)

    def _answer(self, status: int, answer: Mapping[str, Any], *, cut: bool = False) -> None:
        self._raw(status, json.dumps(shown(answer)).encode(), cut=cut)

    def _raw(self, status: int, body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Request-Id", "req_of_the_tests")
        self.send_header("Stripe-Notice", "this would be a warning")
        self.send_header("Content-Length", str(len(body) * 2 if cut else len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or cut


def shown(of: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as it goes out, without what the server alone knows."""
    return {key: value for key, value in of.items() if not key.startswith("_")}


def _again(kept: tuple[str, int, dict[str, Any]] | None, mark: str) -> tuple[int, dict[str, Any]]:
    if kept is None:
        return 409, refusal("idempotency_error", "There is currently another in-progress request")
    if kept[0] != mark:
        said = "Keys for idempotent requests can only be used with the same parameters"
        return 400, refusal("idempotency_error", said)
    return kept[1], kept[2]


def _page(rows: list[dict[str, Any]], path: str, form: Mapping[str, Any]) -> dict[str, Any]:
    if "payment_intent" in form:
        rows = [row for row in rows if row["payment_intent"] == form["payment_intent"]]
    for bound, holds in (("gte", int.__ge__), ("lt", int.__lt__)):
        if bound in form.get("created", {}):
            limit = int(form["created"][bound])
            rows = [row for row in rows if holds(row["created"], limit)]
    names = [row["id"] for row in rows]
    start = names.index(form["starting_after"]) + 1 if "starting_after" in form else 0
    stop = start + int(form.get("limit", "10"))
    more = stop < len(rows)
    return {"object": "list", "url": path, "data": rows[start:stop], "has_more": more}


def refusal(kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    """Return an error in Stripe's shape."""
    return {"error": {"type": kind, "message": message, "code": code}}


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a form whose names have brackets as objects within objects."""
    whole: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = re.findall(r"[^\[\]]+", name)
        at = whole
        for step in path:
            at = at.setdefault(step, {})
        at[last] = value
    return whole
