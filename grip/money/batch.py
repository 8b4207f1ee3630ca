"""What a batch of entries does to the books: the rules of admission and settlement, pure.

A batch is `load → plan → apply`. The store loads the rows that the entries name and holds them
locked, `Plan` decides on them one entry after the other, and the store writes what the plan says,
all in one transaction. Both engines share this file, so they cannot differ in a rule.
"""

from collections.abc import Mapping

from grip import errors
from grip.money import claims
from grip.money.amounts import ceil_credits, draw
from grip.money.entries import (
    CRASH_VOID,
    VERDICTS,
    Admit,
    Admitted,
    Entry,
    Gone,
    Grow,
    Grown,
    Outcome,
    Release,
    Released,
    Settle,
    Settled,
    Stale,
    Stood,
)
from grip.money.limits import MINUTE_US, Window
from grip.money.purses import Windows, room_nano, shortage, spend
from grip.money.states import (
    ClaimState,
    HoldState,
    KeptAnswer,
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
        self.new_holds: dict[str, tuple[Admit, int]] = {}
        self.grown_holds: dict[str, HoldState] = {}
        self.gone_holds: list[str] = []
        self.usage: list[UsageEntry] = []
        self.new_claims: list[ClaimState] = []
        self.gone_claims: list[tuple[str, str]] = []
        self.kept: list[KeptAnswer] = []

    @property
    def changes_anything(self) -> bool:
        """Whether there is anything to be written."""
        return bool(self.dirty_wallets)

    def decide(self, entry: Entry) -> Outcome:
        """Return what becomes of `entry`; an error is returned, not raised."""
        if isinstance(entry, Admit):
            return self._admit(entry)
        if isinstance(entry, Settle):
            return self._settle(entry)
        if isinstance(entry, Release):
            return self._release(entry)
        return self._grow(entry)

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
        refusal = (
            self._claimed(entry)
            or windows.refusal(self.rows.now_us, entry.tokens)
            or shortage(entry, wallet, key, member)
        )
        if refusal is not None:
            return refusal
        self._claim(entry)
        return self._hold(entry, wallet, key, member, windows)

    def _is_stale(self, entry: Admit, wallet: WalletState, key: KeyState) -> bool:
        return (
            entry.catalog_version != self.rows.catalog_version
            or entry.key_version != key.version
            or entry.tier != wallet.tier
            or entry.boot_id in self.rows.dead_boots
        )

    def _claimed(self, entry: Admit) -> errors.GripError | None:
        """Return why the Idempotency-Key of `entry` stands in its way; None where it does not."""
        if entry.idem_key is None:
            return None
        claim = self.rows.claims.get((entry.key_id, entry.idem_key))
        if claim is None or claims.is_over(claim, self.rows.now_us):
            return None
        # An answer that is kept by now was not yet when this call looked for it.
        return claims.objection(claim, entry.fingerprint) or claims.in_use()

    def _claim(self, entry: Admit) -> None:
        if entry.idem_key is None or entry.fingerprint is None:
            return
        name = (entry.key_id, entry.idem_key)
        if name in self.rows.claims:
            self.gone_claims.append(name)
        claim = ClaimState(
            key_id=entry.key_id,
            idem_key=entry.idem_key,
            request_id=entry.request_id,
            fingerprint=entry.fingerprint,
            state=claims.RUNNING,
            created_us=self.rows.now_us,
        )
        self.rows.claims[name] = claim
        self.new_claims.append(claim)

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
        if entry.request_id in self.new_holds:
            raise errors.BooksBroken(f"{entry.request_id}: two calls of one name in a batch")
        self.new_holds[entry.request_id] = (entry, at_us)
        self.rows.holds[entry.request_id] = HoldState(
            request_id=entry.request_id,
            wallet_id=wallet.id,
            key_id=key.id,
            member_id=member.id,
            amount=entry.amount,
            estimate_nano=entry.estimate_nano,
            tokens=entry.tokens,
            admitted_us=at_us,
            idem_key=entry.idem_key,
        )
        requests, tokens = windows.standing(self.rows.now_us)
        return Admitted(at_us, requests, tokens, _stood(wallet, key, member))

    def _grow(self, entry: Grow) -> Outcome:
        hold = self.rows.holds.get(entry.request_id)
        if hold is None:
            return Gone()
        wallet = self.rows.wallets[hold.wallet_id]
        key = self.rows.keys[hold.key_id]
        member = self.rows.members[hold.member_id]
        more_nano = min(entry.estimate_nano, room_nano(hold, wallet, key, member))
        if more_nano <= 0:
            return Grown(estimate_nano=0)
        estimate_nano = hold.estimate_nano + more_nano
        amount = ceil_credits(estimate_nano)
        wallet.held += amount - hold.amount
        key.held_nano += more_nano
        member.held_nano += more_nano
        self._touch(wallet, key, member)
        grown = hold._replace(amount=amount, estimate_nano=estimate_nano)
        self.rows.holds[hold.request_id] = self.grown_holds[hold.request_id] = grown
        return Grown(estimate_nano=more_nano)

    def _settle(self, entry: Settle) -> Outcome:
        hold = self.rows.holds.get(entry.request_id)
        if hold is None:
            if entry.facts.status in VERDICTS:
                return Gone()
            return self.rows.settled.get(entry.request_id, Gone())
        cost_nano = entry.cost_nano if entry.proven else min(entry.cost_nano, hold.estimate_nano)
        wallet, key, member = self._let_go(hold, entry.tokens - hold.tokens)
        carry_before = wallet.carry_nano
        drawn, wallet.carry_nano = draw(carry_before, cost_nano)
        from_wallet = min(drawn, wallet.available)
        wallet.balance -= from_wallet
        wallet.debt += drawn - from_wallet
        spend(key, cost_nano)
        spend(member, cost_nano)
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
        self._keep(hold, entry)
        settled = Settled(cost_nano=cost_nano, credits=drawn, balance_after=wallet.balance)
        if entry.facts.status not in VERDICTS:
            self.rows.settled[hold.request_id] = settled
        return settled

    def _keep(self, hold: HoldState, entry: Settle) -> None:
        """Keep the answer of a call with an Idempotency-Key; a void frees the key."""
        if hold.idem_key is None:
            return
        if entry.facts.status == CRASH_VOID:
            self._free(hold)
            return
        answer = entry.answer
        self.kept.append(
            KeptAnswer(
                key_id=hold.key_id,
                idem_key=hold.idem_key,
                request_id=hold.request_id,
                state=claims.LOST if answer is None else claims.KEPT,
                content_type=None if answer is None else answer.content_type,
                body=None if answer is None else answer.body,
                created_us=self.rows.now_us,
            )
        )

    def _free(self, hold: HoldState) -> None:
        if hold.idem_key is None:
            return
        name = (hold.key_id, hold.idem_key)
        claim = self.rows.claims.pop(name, None)
        if claim in self.new_claims:
            self.new_claims.remove(claim)
        else:
            self.gone_claims.append(name)

    def _release(self, entry: Release) -> Outcome:
        hold = self.rows.holds.get(entry.request_id)
        if hold is None:
            return Gone()
        self._let_go(hold, -hold.tokens)
        self._free(hold)
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
        self.grown_holds.pop(hold.request_id, None)
        if self.new_holds.pop(hold.request_id, None) is None:
            self.gone_holds.append(hold.request_id)
        return wallet, key, member

    def _touch(self, wallet: WalletState, key: KeyState, member: MemberState) -> None:
        self.dirty_wallets[wallet.id] = wallet
        self.dirty_keys[key.id] = key
        self.dirty_members[member.id] = member


def _stood(wallet: WalletState, key: KeyState, member: MemberState) -> Stood:
    return Stood(
        wallet.balance,
        wallet.held,
        wallet.debt,
        key.budget,
        key.rpm,
        key.spent,
        key.spent_nano,
        key.held_nano,
        member.credit_limit,
        member.spent,
        member.spent_nano,
        member.held_nano,
    )
