"""`POST /v1/checkout/sessions`: buying credits; and the sandbox's own page to pay on."""

import hashlib
import html
from decimal import Decimal
from typing import Any, Final

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath

from grip import errors
from grip.app import App
from grip.money.currencies import major
from grip.payments.sandbox import OUTCOMES, PATH, Page, SandboxProvider
from grip.providers.json_object import JsonObject
from grip.services.selling import agreeing, checkout, listening
from grip.services.selling.agreeing import Links, Offer
from grip.services.selling.checkout import Wish
from grip.settings import Amount
from grip.web import request as reading

_READ: Final = frozenset({"package", "amount", "currency", "provider", "success_url", "cancel_url"})
_MAX_URL: Final = 2000


@post("/v1/checkout/sessions", status_code=200)
async def create_session(request: Request[Any, Any, Any], state: State) -> dict[str, Any]:
    """Begin a checkout; the answer says what is paid for what, and where."""
    app: App = state.app
    caller = await app.pipeline.identify(reading.bearer_hash(request.scope))
    body = JsonObject(await request.body())
    for name in body.names:
        if name not in _READ:
            raise errors.InvalidRequest(
                f"{name}: a checkout has {', '.join(sorted(_READ))}", param=name
            )
    idem_key = reading.idempotency_key(request.scope)
    wish = Wish(
        offer=_offer(app, body),
        links=Links(success_url=_link(body, "success_url"), cancel_url=_link(body, "cancel_url")),
        idem_key=None if idem_key is None else f"{caller.key_id}:{idem_key}",
        fingerprint=hashlib.sha256(body.raw).hexdigest(),
    )
    provider = checkout.chosen(app.payments, body.get("provider", str))
    begun = await checkout.begin(app.context, provider, caller, wish)
    return checkout.describe(begun)


@get(f"{PATH}{{token:str}}", media_type=MediaType.HTML)
async def show_page(state: State, token: FromPath[str]) -> Response[str]:
    """Show the sandbox's page, whose buttons stand for what a customer and a bank may do."""
    app: App = state.app
    return _page(_sandbox(app).page(token), "")


@post(f"{PATH}{{token:str}}", status_code=200, media_type=MediaType.HTML)
async def press_button(
    request: Request[Any, Any, Any], state: State, token: FromPath[str]
) -> Response[str]:
    """Make happen what a button says: a webhook, signed and read like any other."""
    app: App = state.app
    provider = _sandbox(app)
    page = provider.page(token)
    form = await request.form()
    notice = provider.outcome(page, str(form.get("outcome", "")), app.context.clock())
    became = await listening.receive(app.context, provider, notice.raw, notice.headers)
    return _page(page, f"{form.get('outcome')}: {became}")


def _offer(app: App, body: JsonObject) -> Offer:
    package, amount = body.get("package", str), body.get("amount", str)
    if (package is None) == (amount is None):
        raise errors.InvalidRequest(
            'package: name one, or say an amount as a text, such as "49.00"', param="package"
        )
    if package is not None:
        return agreeing.of_package(app.context, package)
    currency = body.get("currency", str) or app.settings.checkout.currency
    if amount is None or not agreeing.is_plain(amount):
        raise errors.InvalidRequest(
            'amount: a plain number as a text, such as "49.00"', param="amount"
        )
    return agreeing.of_amount(app.context, Amount(value=Decimal(amount), currency=currency))


def _link(body: JsonObject, name: str) -> str:
    link = body.get(name, str) or ""
    is_link = link.startswith(("https://", "http://127.0.0.1", "http://localhost"))
    if link and (not is_link or len(link) > _MAX_URL or not link.isprintable() or " " in link):
        raise errors.InvalidRequest(f"{name}: an address that starts with https://", param=name)
    return link


def _sandbox(app: App) -> SandboxProvider:
    for name in app.payments.names:
        table = app.settings.payments[name]
        if table.get("kind", name) == "sandbox":
            provider = app.payments.get(name)
            if isinstance(provider, SandboxProvider):
                return provider
    raise errors.NotFound("there is no sandbox to pay in here")


def _page(page: Page, told: str) -> Response[str]:
    """Return the page. Everything on it is escaped, and nothing on it is a script."""
    buttons = "".join(
        f'<button name="outcome" value="{outcome}">{outcome.partition(".")[2]}'
        f"{' (dispute)' if outcome.startswith('dispute') else ''}</button>\n"
        for outcome in OUTCOMES
    )
    amount = f"{major(page.gross_minor, page.currency)} {page.currency}"
    links = "".join(
        f'<a href="{html.escape(url)}">{word}</a> '
        for url, word in ((page.success_url, "back to the shop"), (page.cancel_url, "give up"))
        if url
    )
    body = _PAGE.format(
        title=html.escape(page.description),
        amount=html.escape(amount),
        order=html.escape(page.order_id),
        told=f"<p role=status>{html.escape(told)}</p>" if told else "",
        buttons=buttons,
        links=links,
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
    headers = {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    return Response(body, media_type=MediaType.HTML, headers=headers)


_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sandbox checkout</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}}
button{{font:inherit;padding:.4rem .8rem;margin:.2rem .2rem .2rem 0}}</style>
<h1>{title}</h1>
<p><strong>{amount}</strong>, tax included. Order {order}.</p>
<p>No money moves here: this is grip's sandbox. Choose what happens.</p>
{told}
<form method="post">
{buttons}</form>
<p>{links}</p>
</html>
"""
