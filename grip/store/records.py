"""The values that the store answers with: frozen, and free of SQL.

Credits are whole numbers, `…_nano` are nano-credits, `…_us` are unix microseconds, and a None
where a limit could be means that there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from grip.money.pricing import UNITS, Rates, is_priced


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person or a company that owns one wallet and may be a member of others."""

    id: str
    email: str
    name: str
    created_us: int
    disabled_us: int | None
    wallet_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPolicy:
    """Which channels may serve a wallet, by their groups and their kinds; None allows all.

    `allow_groups` narrows the groups of a model, as those of key and tier do. A channel that is in
    one denied group may not serve, whatever other groups it is in.
    """

    allow_groups: frozenset[str] | None = None
    deny_groups: frozenset[str] = frozenset()
    allow_kinds: frozenset[str] | None = None
    deny_kinds: frozenset[str] = frozenset()

    def denies(self, channel: "Channel") -> bool:
        """Whether the channel may not serve, for its kind or for a group that it is in."""
        return (
            channel.kind in self.deny_kinds
            or (self.allow_kinds is not None and channel.kind not in self.allow_kinds)
            or not self.deny_groups.isdisjoint(channel.groups)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """Prepaid credits: `balance` includes `held`; `debt` is what was used beyond the balance.

    `providers` says who may serve it; None lets everybody.
    """

    id: str
    owner_id: str
    owner: str
    tier: str
    balance: int
    held: int
    debt: int
    carry_nano: int
    created_us: int
    providers: ProviderPolicy | None = None

    @property
    def available(self) -> int:
        """What a new call may hold."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An account's membership in a wallet; a second membership is another one."""

    id: str
    wallet_id: str
    account_id: str
    email: str
    is_owner: bool
    credit_limit: int | None
    spent: int
    spent_nano: int
    held_nano: int
    created_us: int
    left_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key, without its secret; `models` and `groups` None mean all of them."""

    id: str
    wallet_id: str
    member_id: str
    member: str
    name: str
    last4: str
    budget: int | None
    spent: int
    spent_nano: int
    held_nano: int
    rpm: int | None
    models: list[str] | None
    groups: list[str] | None
    content_logging: bool | None
    expires_us: int | None
    created_us: int
    revoked_us: int | None
    left_us: int | None
    disabled_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: what the request path needs to know of a key before it may hold anything.

    `usable` is false where the key is revoked, its member gone or an account disabled; the expiry
    is judged by the caller's clock and again at admission.
    """

    key_id: str
    key_name: str
    key_version: int
    wallet_id: str
    member_id: str
    account_id: str
    is_owner: bool
    tier: str
    models: frozenset[str] | None
    groups: frozenset[str] | None
    providers: ProviderPolicy | None
    content_logging: bool | None
    expires_us: int | None
    usable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A version of a model's prices: `sell` is charged, `buy` is what the operator pays."""

    id: str
    model: str
    version: int
    valid_from_us: int
    actor: str
    sell: Rates
    buy: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a client can name: its type, token ceilings, channel groups, and the price in force.

    `reasoning` says that part of its output is never seen, so that a stream of it is held whole.
    """

    name: str
    type: str
    enabled: bool
    max_input: int | None
    max_output: int | None
    reasoning: bool
    groups: list[str]
    aliases: list[str]
    fallbacks: list[str]
    created_us: int
    price: Price | None

    @property
    def is_priced(self) -> bool:
        """Whether a call of it can be charged; one that cannot is refused before dispatch."""
        return self.price is not None and is_priced(self.price.sell, UNITS[self.type])


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One upstream account. Timeouts are in milliseconds; None takes the configured default.

    `drains` says that a stream whose client left is read on for its usage; else it is stopped.
    """

    id: str
    name: str
    kind: str
    base_url: str
    secret: str | None
    groups: list[str]
    types: list[str]
    model_map: dict[str, str]
    priority: int
    weight: int
    region: str
    enabled: bool
    connect_timeout_ms: int | None
    first_byte_timeout_ms: int | None
    chunk_timeout_ms: int | None
    total_timeout_ms: int | None
    drains: bool
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything that routing and pricing need, as it stood at `version`.

    `models` are by name, enabled or not; `aliases` lead to names; channels are the enabled ones,
    `disabled` the others. `costs` are what channels take for models, by the channel's id and the
    model's name.
    """

    version: int
    models: Mapping[str, Model] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    disabled: tuple[Channel, ...] = ()
    costs: Mapping[tuple[str, str], Rates] = field(default_factory=dict)

    def buy(self, channel_id: str, model: Model) -> Rates:
        """Return what the operator pays to this channel for this model."""
        own = self.costs.get((channel_id, model.name))
        if own is not None:
            return own
        return Rates() if model.price is None else model.price.buy

    def find(self, name: str) -> Model | None:
        """Return the model that a client means by `name`, itself or as an alias."""
        return self.models.get(self.aliases.get(name, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """One charged call, as it stands in the books."""

    seq: int
    request_id: str
    created_us: int
    wallet_id: str
    key_id: str
    member_id: str
    key_name: str
    endpoint: str
    model: str
    provider: str
    channel_id: str
    channel: str
    upstream_model: str
    upstream_id: str | None
    ip: str
    region: str
    status: str
    estimated: bool
    price_id: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    images: int
    seconds: int
    characters: int
    buy_cost_nano: int | None
    attempts: int
    latency_ms: int
    first_byte_ms: int
    hold_credits: int
    cost_nano: int
    carry_before: int
    carry_after: int
    credits: int
    debt_credits: int
    balance_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What is held for a call under way: `amount` in credits, for an estimate in nano-credits."""

    request_id: str
    wallet_id: str
    key_id: str
    amount: int
    estimate_nano: int
    admitted_us: int
    model: str
    endpoint: str
    ip: str
    input_tokens: int
    price_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One row of the journal: `amount` credits from `debit_account` to `credit_account`."""

    seq: int
    id: str
    kind: str
    phase: str
    debit_account: str
    credit_account: str
    amount: int
    wallet_id: str
    actor: str
    reason: str
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One change that somebody made, with what was before and after."""

    seq: int
    at_us: int
    actor: str
    action: str
    subject: str
    before: object
    after: object
    reason: str
