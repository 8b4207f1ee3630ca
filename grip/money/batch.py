"""What a batch of entries does to the books: the rules of admission and settlement, pure.

A batch is `load → plan → apply`. The store loads the rows that the entries name and holds them
locked, `Plan` decides on them one entry after the other, and the store writes what the plan says,
all in one transaction. Both engines share this file, so they cannot differ in a rule.
"""

from collections.abc import Mapping

from grip import errors
from grip.money.amounts import draw
from grip.money.entries import (
    Admit,
    Admitted,
    Entry,
    Gone,
    Outcome,
    Release,
    Released,
    Settle,
    Settled,
    Stale,
)
from grip.money.limits import MINUTE_US, Window
from grip.money.purses import Windows, shortage
from grip.money.states import (
    HoldState,
    KeyState,
    Loaded,
    MemberState,
    TierLimits,
    UsageEntry,
    WalletState,
)


class Plan:
    """Decides on entries in order, on the loaded rows, and collects what is to be written."""

    def __init__(self, rows: Loaded, tiers: Mapping[str, TierLimits]) -> None:
        self.rows = rows
        self.tiers = tiers
        self.dirty_wallets: dict[str, WalletState] = {}
        self.dirty_keys: dict[str, KeyState] = {}
        self.dirty_members: dict[str, MemberState] = {}
        self.new_holds: list[tuple[Admit, int]] = []
        self.gone_holds: list[str] = []
        self.usage: list[UsageEntry] = []

    def decide(self, entry: Entry) -> Outcome:
        """Return what becomes of `entry`; an error is returned, not raised."""
        if isinstance(entry, Admit):
            return self._admit(entry)
        if isinstance(entry, Settle):
            return self._settle(entry)
        return self._release(entry)

    def _admit(self, entry: Admit) -> Outcome:
        wallet = self.rows.wallets.get(entry.wallet_id)
        key = self.rows.keys.get(entry.key_id)
        member = self.rows.members.get(entry.member_id)
        if wallet is None or key is None or member is None or self._is_stale(entry, wallet, key):
            return Stale()
        if key.expires_us is not None and key.expires_us <= self.rows.now_us:
            return errors.InvalidApiKey("this API key has expired")
        tier = self.tiers.get(wallet.tier)
        if tier is None:
            return errors.ServiceUnavailable(
                "the wallet's tier is not offered here; ask the operator",
                detail=f"[tiers.{wallet.tier}] is not in the configuration",
            )
        windows = Windows(wallet, key, tier)
        refusal = windows.refusal(self.rows.now_us, entry.tokens) or shortage(
            entry, wallet, key, member
        )
        if refusal is not None:
            return refusal
        return self._hold(entry, wallet, key, member, windows)

    def _is_stale(self, entry: Admit, wallet: WalletState, key: KeyState) -> bool:
        return (
            entry.catalog_version != self.rows.catalog_version
            or entry.key_version != key.version
            or entry.tier != wallet.tier
        )

    def _hold(
        self,
        entry: Admit,
        wallet: WalletState,
        key: KeyState,
        member: MemberState,
        windows: Windows,
    ) -> Admitted:
        at_us = windows.take(self.rows.now_us, entry.tokens)
        wallet.held += entry.amount
        key.held_nano += entry.estimate_nano
        member.held_nano += entry.estimate_nano
        self._touch(wallet, key, member)
        self.new_holds.append((entry, at_us))
        self.rows.holds[entry.request_id] = HoldState(
            request_id=entry.request_id,
            wallet_id=wallet.id,
            key_id=key.id,
            member_id=member.id,
            amount=entry.amount,
            estimate_nano=entry.estimate_nano,
            tokens=entry.tokens,
            admitted_us=at_us,
        )
        requests, tokens = windows.standing(self.rows.now_us)
        return Admitted(admitted_us=at_us, requests=requests, tokens=tokens)

    def _settle(self, entry: Settle) -> Outcome:
        hold = self.rows.holds.get(entry.request_id)
        if hold is None:
            return self.rows.settled.get(entry.request_id, Gone())
        cost_nano = entry.cost_nano if entry.proven else min(entry.cost_nano, hold.estimate_nano)
        wallet, key, member = self._let_go(hold, entry.tokens - hold.tokens)
        carry_before = wallet.carry_nano
        drawn, wallet.carry_nano = draw(carry_before, cost_nano)
        from_wallet = min(drawn, wallet.available)
        wallet.balance -= from_wallet
        wallet.debt += drawn - from_wallet
        _spend(key, cost_nano)
        _spend(member, cost_nano)
        self.usage.append(
            UsageEntry(
                request_id=hold.request_id,
                wallet_id=wallet.id,
                key_id=key.id,
                member_id=member.id,
                created_us=self.rows.now_us,
                hold_credits=hold.amount,
                cost_nano=cost_nano,
                carry_before=carry_before,
                carry_after=wallet.carry_nano,
                credits=drawn,
                debt_credits=drawn - from_wallet,
                balance_after=wallet.balance,
                facts=entry.facts,
            )
        )
        settled = Settled(cost_nano=cost_nano, credits=drawn, balance_after=wallet.balance)
        self.rows.settled[hold.request_id] = settled
        return settled

    def _release(self, entry: Release) -> Outcome:
        hold = self.rows.holds.get(entry.request_id)
        if hold is None:
            return Gone()
        self._let_go(hold, -hold.tokens)
        return Released()

    def _let_go(
        self, hold: HoldState, difference: int
    ) -> tuple[WalletState, KeyState, MemberState]:
        """Take the hold off its rows, and correct the tokens counted by `difference`."""
        wallet = self.rows.wallets[hold.wallet_id]
        key = self.rows.keys[hold.key_id]
        member = self.rows.members[hold.member_id]
        wallet.held -= hold.amount
        key.held_nano -= hold.estimate_nano
        member.held_nano -= hold.estimate_nano
        if wallet.tpm_log and difference:
            limits = self.tiers.get(wallet.tier)
            window = Window(wallet.tpm_log, (limits and limits.tpm) or 0, MINUTE_US)
            window.correct(hold.admitted_us, difference)
            wallet.tpm_log = window.pack()
        self._touch(wallet, key, member)
        del self.rows.holds[hold.request_id]
        self.gone_holds.append(hold.request_id)
        return wallet, key, member

    def _touch(self, wallet: WalletState, key: KeyState, member: MemberState) -> None:
        self.dirty_wallets[wallet.id] = wallet
        self.dirty_keys[key.id] = key
        self.dirty_members[member.id] = member


def _spend(row: KeyState | MemberState, cost_nano: int) -> None:
    drawn, row.spent_nano = draw(row.spent_nano, cost_nano)
    row.spent += drawn
