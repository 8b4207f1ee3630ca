"""How wallets and usage are shown, alike on the command line and over HTTP."""

from typing import Any

from grip.clock import to_iso
from grip.services.wallet_providers import describe as policy_view
from grip.store.records import UsageRow, Wallet


def wallet_view(wallet: Wallet) -> dict[str, Any]:
    """Return a wallet in whole credits, and which channels may serve it (None: all)."""
    return {
        "id": wallet.id,
        "owner": wallet.owner,
        "tier": wallet.tier,
        "balance": wallet.balance,
        "held": wallet.held,
        "available": wallet.available,
        "debt": wallet.debt,
        "providers": policy_view(wallet.providers),
    }


def usage_view(row: UsageRow) -> dict[str, Any]:
    """Return one charged call: tokens, cost in nano-credits, and the whole credits drawn."""
    return {
        "request_id": row.request_id,
        "created_at": to_iso(row.created_us),
        "wallet_id": row.wallet_id,
        "key_name": row.key_name,
        "model": row.model,
        "provider": row.provider,
        "channel": row.channel,
        "ip": row.ip,
        "status": row.status,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cached_input_tokens": row.cached_input_tokens,
        "cost_nano": row.cost_nano,
        "credits": row.credits,
        "balance_after": row.balance_after,
        "estimated": row.estimated,
        "latency_ms": row.latency_ms,
    }


def customer_usage_view(row: UsageRow) -> dict[str, Any]:
    """Return one charged call as its customer sees it: without the operator's channel."""
    return {name: value for name, value in usage_view(row).items() if name != "channel"}
