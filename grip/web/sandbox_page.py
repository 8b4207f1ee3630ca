"""The sandbox's page to pay on, as HTML.

Everything on it is escaped, nothing on it is a script, and its headers would let none run.
"""

import html
from collections.abc import Mapping
from typing import Any, Final

from litestar import MediaType, Response

from grip.payments.sandbox import OUTCOMES, Page
from grip.services.selling import agreeing
from grip.store.orders import Order

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = (
    ("content-security-policy", _POLICY),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
)


def draw(page: Page, order: Order, told: str, *, status: int = 200) -> Response[str]:
    """Return the page: what is paid for what, how the order stands, and what was told just now."""
    agreed = agreeing.describe(order)
    body = _PAGE.format(
        title=html.escape(agreed["title"]),
        rows="".join(_row(name, words) for name, words in _sums(agreed)),
        order=html.escape(order.id),
        status=html.escape(order.status),
        told=f"<p role=status>{html.escape(told)}</p>" if told else "",
        buttons="".join(_button(outcome) for outcome in OUTCOMES),
        links=_links(
            ("terms", agreed["terms_url"]),
            ("refund policy", agreed["refund_policy_url"]),
            ("back to the shop", page.success_url),
            ("give up", page.cancel_url),
        ),
    )
    return Response(body, status_code=status, media_type=MediaType.HTML, headers=dict(_HEADERS))


def _sums(agreed: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is disclosed before a payment, line by line."""
    currency = agreed["currency"]
    bonus = f" and {agreed['bonus']} on top" if agreed["bonus"] else ""
    reason = f" ({agreed['tax_reason']})" if agreed["tax_reason"] else ""
    return [
        ("Credits", f"{agreed['credits']}{bonus}"),
        ("Net", f"{agreed['net']} {currency}"),
        (f"{agreed['tax_name']} {agreed['tax_rate']} %{reason}", f"{agreed['tax']} {currency}"),
        ("Total", f"{agreed['gross']} {currency}"),
    ]


def _row(name: str, words: str) -> str:
    return f"<tr><th scope=row>{html.escape(name)}<td>{html.escape(words)}\n"


def _button(outcome: str) -> str:
    word = outcome.partition(".")[2]
    which = " (dispute)" if outcome.startswith("dispute") else ""
    return f'<button name="outcome" value="{outcome}">{word}{which}</button>\n'


def _links(*links: tuple[str, str | None]) -> str:
    return " · ".join(f'<a href="{html.escape(url)}">{word}</a>' for word, url in links if url)


_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sandbox checkout</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}}
button{{font:inherit;padding:.4rem .8rem;margin:.2rem .2rem .2rem 0}}
th{{text-align:left;font-weight:normal;padding-right:2rem}}td{{text-align:right}}
tr:last-child{{font-weight:bold}}tr:last-child th{{font-weight:bold}}</style>
<h1>{title}</h1>
<table>
{rows}</table>
<p>Order {order}: {status}.</p>
<p>No money moves here: this is grip's sandbox. Choose what happens.</p>
{told}
<form method="post">
{buttons}</form>
<p>{links}</p>
</html>
"""
