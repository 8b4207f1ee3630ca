"""A server that speaks as much of Stripe's API as grip needs, and makes the events of what happens.

Objects have the members that Stripe documents and grip reads. Idempotency keys are kept with the
body that they came with, as Stripe keeps them: the same is answered again, another one is 400, and
one that still runs is 409. `faults` are words, each for one of the requests to come, in order.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

import stripe

from tests.stripe_wire import KEY, Handler, refusal, shown
from tests.threaded_server import ThreadedServer

__all__ = ["FAULTS", "KEY", "NOW_S", "SECRET", "StripeServer", "delivered"]
SECRET = "whsec_of_the_tests"
NOW_S = 1_795_000_000
FAULTS = ("500", "429", "lost", "cut", "garbage", "array", "hang", "none")
"""500 and 429 before anything is done; lost and cut after all is, without an answer or with half of
one; garbage and array are answers of 200 that are none; hang is done, sets `hangs`, and is lost
when `release` is set."""


class StripeServer(ThreadedServer):
    """One account of Stripe in memory."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.charges: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.keys: dict[str, tuple[str, int, dict[str, Any]] | None] = {}
        self.requests: list[tuple[str, str, dict[str, str], dict[str, Any]]] = []
        self.faults: list[str] = []
        self.hangs = threading.Event()
        self.release = threading.Event()
        self.now_s = NOW_S
        self.refund_status = "succeeded"
        self.lock = threading.Lock()
        self._count = 0
        super().__init__(Handler)

    def stop(self) -> None:
        """Stop listening, and let go of who hangs."""
        self.release.set()
        super().stop()

    def new_id(self, prefix: str) -> str:
        """Return an id as Stripe makes them."""
        self._count += 1
        return f"{prefix}_{self._count:024d}"

    def event(self, kind: str, of: Mapping[str, Any]) -> dict[str, Any]:
        """Make an event of an object as it is now."""
        made = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": self.now_s,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            "data": {"object": json.loads(json.dumps(shown(of)))},
        }
        self.events.append(made)
        return made

    def pay(self, session: str, *, amount: int | None = None, delayed: bool = False) -> str:
        """Let the customer pay on the page: at once, or by something that takes days."""
        found = self.sessions[session]
        intent = self._intent(found, amount or found["amount_total"])
        found.update(status="complete", payment_intent=intent["id"], url=None)
        if delayed:
            intent["status"] = "processing"
            self.event("checkout.session.completed", found)
        else:
            self.settle(session)
        return str(intent["id"])

    def settle(self, session: str, *, delayed: bool = False) -> None:
        """Let the money come in."""
        found = self.sessions[session]
        intent = self.intents[found["payment_intent"]]
        intent.update(status="succeeded", amount_received=intent["amount"])
        charge = self._charge(intent)
        found.update(payment_status="paid", amount_total=intent["amount"])
        kind = "async_payment_succeeded" if delayed else "completed"
        self.event("charge.succeeded", charge)
        self.event("payment_intent.succeeded", intent)
        self.event(f"checkout.session.{kind}", found)

    def decline(self, session: str) -> None:
        """Let a delayed payment come to nothing."""
        found = self.sessions[session]
        intent = self.intents[found["payment_intent"]]
        intent.update(status="requires_payment_method", last_payment_error={"code": "declined"})
        self.event("payment_intent.payment_failed", intent)
        self.event("checkout.session.async_payment_failed", found)

    def expire(self, session: str) -> None:
        """Let a session end as nobody pays."""
        self.sessions[session].update(status="expired", url=None)
        self.event("checkout.session.expired", self.sessions[session])

    def give_back(self, intent: str, amount: int, **more: Any) -> str:
        """Refund, as the dashboard does it."""
        status, made = self.make_refund({"payment_intent": intent, "amount": str(amount), **more})
        assert status == 200, made
        return str(made["id"])

    def make_refund(self, form: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Make a refund with its events."""
        charge = self._charge_of(form["payment_intent"])
        amount = int(form["amount"])
        if charge is None:
            return 404, refusal(
                "invalid_request_error", "No such payment_intent", "resource_missing"
            )
        if amount > charge["amount_captured"] - charge["amount_refunded"]:
            said = "Refund amount is greater than unrefunded amount on charge"
            return 400, refusal("invalid_request_error", said)
        made = {
            "id": self.new_id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": self.now_s,
            "currency": charge["currency"],
            "metadata": form.get("metadata", {}),
            "payment_intent": form["payment_intent"],
            "reason": form.get("reason"),
            "status": self.refund_status,
        }
        self.refunds[str(made["id"])] = made
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.event("refund.created", made)
        self.event("charge.refunded", charge)
        return 200, made

    def move_refund(self, refund: str, status: str) -> None:
        """Let a refund come to another status."""
        self.refunds[refund]["status"] = status
        self.event(
            "refund.failed" if status == "failed" else "refund.updated", self.refunds[refund]
        )

    def dispute(self, intent: str, status: str = "needs_response") -> str:
        """Let the customer's bank take the money, or only ask (`warning_needs_response`)."""
        charge = self._charge_of(intent)
        assert charge is not None
        made = {
            "id": self.new_id("du"),
            "object": "dispute",
            "amount": charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "created": self.now_s,
            "currency": charge["currency"],
            "metadata": {},
            "payment_intent": intent,
            "reason": "fraudulent",
            "status": status,
        }
        name = str(made["id"])
        self.disputes[name] = made
        self.event("charge.dispute.created", made)
        if not status.startswith("warning_"):
            self._move_dispute(name, -charge["amount"], "charge.dispute.funds_withdrawn")
        return name

    def close_dispute(self, dispute: str, status: str) -> None:
        """Let a dispute be won, lost, or come to nothing (`warning_closed`)."""
        found = self.disputes[dispute]
        found["status"] = status
        self.event("charge.dispute.closed", found)
        if status == "won":
            self._move_dispute(dispute, found["amount"], "charge.dispute.funds_reinstated")

    def _move_dispute(self, dispute: str, amount: int, kind: str) -> None:
        row = {"id": self.new_id("txn"), "object": "balance_transaction", "amount": amount}
        self.disputes[dispute]["balance_transactions"].append(row)
        self.event(kind, self.disputes[dispute])

    def _intent(self, session: Mapping[str, Any], amount: int) -> dict[str, Any]:
        made = {
            "id": self.new_id("pi"),
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "created": self.now_s,
            "currency": session["currency"],
            "livemode": False,
            "metadata": dict(session["_intent_metadata"]),
            "status": "requires_payment_method",
        }
        self.intents[str(made["id"])] = made
        return made

    def _charge(self, intent: Mapping[str, Any]) -> dict[str, Any]:
        made = {
            "id": self.new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"],
            "amount_refunded": 0,
            "captured": True,
            "created": self.now_s,
            "currency": intent["currency"],
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "payment_intent": intent["id"],
            "refunded": False,
            "status": "succeeded",
        }
        self.charges[str(made["id"])] = made
        return made

    def _charge_of(self, intent: str) -> dict[str, Any] | None:
        return next((one for one in self.charges.values() if one["payment_intent"] == intent), None)


def delivered(
    event: Mapping[str, Any], secret: str = SECRET, at_s: int = NOW_S
) -> tuple[bytes, dict[str, str]]:
    """Return an event as Stripe posts it: the raw body, and its headers in lower case."""
    raw = json.dumps(event, indent=2)
    header = stripe.WebhookSignature.generate_signature_header(raw, secret, at_s)
    return raw.encode(), {"stripe-signature": header, "content-type": "application/json"}
