"""`POST /v1/checkout/sessions`: buying credits; and the sandbox's own page to pay on."""

import contextlib
import hashlib
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath

from grip import errors
from grip.app import App
from grip.payments.sandbox import PATH, Page, SandboxProvider
from grip.providers.json_object import JsonObject
from grip.services.selling import agreeing, checkout, listening, sales
from grip.services.selling.agreeing import Links, Offer
from grip.services.selling.checkout import Wish
from grip.settings import Amount
from grip.web import request as reading
from grip.web import sandbox_page

_READ: Final = frozenset({"package", "amount", "currency", "provider", "success_url", "cancel_url"})
_MAX_URL: Final = 2000
_OWN_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})

log = structlog.get_logger(__name__)


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
    named = body.get("provider", str)
    try:
        provider = checkout.chosen(app.payments, named)
        begun = await checkout.begin(app.context, provider, caller, wish)
    except errors.GripError as error:
        if error.detail:
            log.warning("checkout.not_begun", wallet=caller.wallet_id, error=str(error))
        raise
    return checkout.describe(begun)


@get(f"{PATH}{{token:str}}", media_type=MediaType.HTML)
async def show_page(state: State, token: FromPath[str]) -> Response[str]:
    """Show the sandbox's page, whose buttons stand for what a customer and a bank may do."""
    app: App = state.app
    _, page = _sandbox(app, token)
    return await _page(app, page, "")


@post(f"{PATH}{{token:str}}", status_code=200, media_type=MediaType.HTML)
async def press_button(
    request: Request[Any, Any, Any], state: State, token: FromPath[str]
) -> Response[str]:
    """Make happen what a button says: a webhook, signed and read like any other."""
    app: App = state.app
    provider, page = _sandbox(app, token)
    form = await request.form()
    outcome = str(form.get("outcome", ""))
    try:
        notice = provider.outcome(page, outcome, app.context.clock())
    except errors.Conflict as error:
        return await _page(app, page, error.message, status=409)
    became = await listening.receive(app.context, provider, notice.raw, notice.headers)
    return await _page(app, page, f"{outcome}: {became}")


async def _page(app: App, page: Page, told: str, *, status: int = 200) -> Response[str]:
    """Return the page of a checkout with its order as it stands."""
    order = await sales.find(app.context, page.order_id)
    return sandbox_page.draw(page, order, told, status=status)


def _offer(app: App, body: JsonObject) -> Offer:
    package, amount = body.get("package", str), body.get("amount", str)
    if (package is None) == (amount is None):
        raise errors.InvalidRequest(
            'package: name one, or say an amount as a text, such as "49.00"', param="package"
        )
    currency = body.get("currency", str)
    if package is not None:
        offer = agreeing.of_package(app.context, package)
        if currency not in (None, offer.currency):
            raise errors.InvalidRequest(
                f"currency: the package {package!r} is sold in {offer.currency}", param="currency"
            )
        return offer
    if currency is None:
        currency = app.settings.checkout.currency
    if amount is None or not agreeing.is_plain(amount):
        raise errors.InvalidRequest(
            'amount: a plain number as a text, such as "49.00"', param="amount"
        )
    return agreeing.of_amount(app.context, Amount(value=Decimal(amount), currency=currency))


def _link(body: JsonObject, name: str) -> str:
    link = body.get(name, str) or ""
    if link and not _is_link(link):
        raise errors.InvalidRequest(
            f"{name}: an address that starts with https://, of at most {_MAX_URL} ASCII characters",
            param=name,
        )
    return link


def _is_link(link: str) -> bool:
    """Return whether a customer may be sent there: by https, or on their own machine."""
    if len(link) > _MAX_URL or not (link.isascii() and link.isprintable()) or " " in link:
        return False
    try:
        parts = urlsplit(link)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _OWN_MACHINE)


def _sandbox(app: App, token: str) -> tuple[SandboxProvider, Page]:
    """Return the sandbox that signed a token, and its page: there may be several."""
    for name in app.payments.names:
        if app.settings.payments[name].get("kind", name) != "sandbox":
            continue
        provider = app.payments.usable(name)
        if isinstance(provider, SandboxProvider):
            with contextlib.suppress(errors.NotFound):
                return provider, provider.page(token)
    raise errors.NotFound("there is no such checkout page; begin the checkout again")
