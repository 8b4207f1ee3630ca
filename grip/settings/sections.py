"""The tables of the configuration and their keys: type, default and documentation, once each.

Owns them; `whole.py` puts them in their order. Refuses to read files or variables, and to explain a
key anywhere else: the commented example is printed from here.
"""

# ruff: noqa: RUF009  # key() and section() return dataclasses.field(), which Ruff cannot see

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from grip.money.amounts import MAX_CREDITS
from grip.settings.addresses import (
    Amount,
    AmountText,
    DatabaseUrl,
    Link,
    LinkOrNothing,
    PublicUrl,
)
from grip.settings.kinds import (
    Choice,
    IPNetwork,
    NameOrNothing,
    Names,
    Networks,
    OrNothing,
    Seconds,
    Truth,
    Whole,
    Word,
)
from grip.settings.patterns import Patterns
from grip.settings.payment_keys import SecretReference
from grip.settings.places import Place, Places, Ports
from grip.settings.schema import (
    key,
    required_key,
)

_COUNT_MAX = 10**12
_LIMIT = OrNothing(kind=Whole(maximum=_COUNT_MAX), word="unlimited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """[server]: how this node listens."""

    host: str = key("127.0.0.1", Word(), "The address to listen on.")
    port: int = key(
        8000, Whole(minimum=0, maximum=65_535), "The port to listen on; 0 takes any free one."
    )
    workers: int = key(1, Whole(maximum=1024), "How many processes serve requests.")
    region: str = key(
        "",
        NameOrNothing(),
        "The region of this node, one of [regions]; channels of the same region are preferred.",
    )
    public_url: str = key(
        "",
        PublicUrl(),
        "The https address under which the internet reaches grip, such as "
        '"https://grip.example.com". Vendors of tasks that can call back are told to, behind it at '
        "/hooks/up/; they are still looked at once a minute. Empty, nobody is told, and they are "
        "looked at as often as the others.",
    )
    trusted_proxies: tuple[IPNetwork, ...] = key(
        (),
        Networks(),
        "Addresses and CIDR blocks of the reverse proxies in front of grip. X-Forwarded-For is "
        "believed only when it comes from these.",
    )
    max_body_bytes: int = key(
        10_485_760,
        Whole(minimum=1024, maximum=2**31 - 1),
        "The largest request body in bytes; a larger one is answered with 413.",
    )
    max_upload_bytes: int = key(
        104_857_600,
        Whole(minimum=1024, maximum=2**40),
        "The largest form with files in bytes (audio, images to be edited). Files wait on the disk "
        "of the node, in the directory that $TMPDIR names.",
    )
    max_connections: int = key(
        8192,
        Whole(maximum=1_000_000),
        "How many connections a worker keeps, and no more than half of the files that it may open "
        "(ulimit -n). Past that, the one that has waited longest without a request is closed for a "
        "new one; where all have one, the new one is.",
    )
    graceful_stop_s: int = key(
        30,
        Whole(minimum=0, maximum=86_400),
        "How long in whole seconds a stopping node lets running requests finish.",
    )
    metrics_token: str | None = key(
        None,
        OrNothing(kind=SecretReference(), word="none"),
        'Reference to the token that /metrics demands of everybody. With "none", programs on this '
        "machine may read it, and nobody to whom a proxy passes it on; set one where your proxy "
        "adds no X-Forwarded-For.",
    )
    crash_verdict: str = key(
        "crash_void",
        Choice(words=("crash_void", "estimated")),
        "What calls cost whose process died: crash_void charges nothing, estimated charges their "
        "input. The usage row says which.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """[database]: where the books are kept."""

    url: str = key(
        "sqlite:///grip.db",
        DatabaseUrl(),
        "sqlite:///FILE (relative to the working directory; sqlite:////FILE is absolute) or "
        "postgresql://USER@HOST/NAME. Several nodes need PostgreSQL.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """[credits]: credits that are given, not sold."""

    signup: int = key(
        1000,
        Whole(minimum=0, maximum=MAX_CREDITS),
        "Credits a new account's wallet starts with (1 credit is $0.001); 0 gives none.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """[tiers.NAME]: what a wallet may do; None means no limit."""

    qps: int | None = key(None, _LIMIT, 'Metered requests in any one second, or "unlimited".')
    tpm: int | None = key(None, _LIMIT, 'Tokens in any 60 seconds, or "unlimited".')
    members: int | None = key(
        None, _LIMIT, 'Members of the wallet, its owner included, or "unlimited".'
    )
    groups: tuple[str, ...] | None = key(
        None,
        Names(),
        "Channel groups the tier may use; leave the key out to allow all of them.",
        example='["default"]',
    )
    recharge_over: Amount | None = key(
        None,
        OrNothing(kind=AmountText(), word="none"),
        "A wallet whose net payments exceed this amount reaches the tier; an amount with its "
        'currency, or "none" where no payment leads here.',
    )
    invitation_only: bool = key(
        False,
        Truth(),
        "Whether the operator alone puts wallets on this tier, whatever they have paid.",
    )


DEFAULT_TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        "free": Tier(qps=3, tpm=1_000_000, members=1),
        "plus": Tier(
            qps=10,
            tpm=10_000_000,
            members=2,
            recharge_over=Amount(value=Decimal(100), currency="CNY"),
        ),
        "pro": Tier(
            qps=30,
            tpm=50_000_000,
            members=5,
            recharge_over=Amount(value=Decimal(2000), currency="CNY"),
        ),
        "max": Tier(
            qps=100,
            members=8,
            recharge_over=Amount(value=Decimal(5000), currency="CNY"),
        ),
        "enterprise": Tier(invitation_only=True),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """[content]: what is kept of requests and answers."""

    logging: bool = key(
        True,
        Truth(),
        "Whether the content of calls is kept, of requests and answers; an API key may say "
        "otherwise.",
    )
    max_bytes: int = key(
        65_536,
        Whole(maximum=16_777_216),
        "How much is kept of a request, and as much of its answer; the rest is cut off. Files in "
        "base64 are left out before.",
    )
    redact: tuple[str, ...] = key(
        (),
        Patterns(),
        "Regular expressions: what they match is never kept, in content or in errors of upstreams. "
        "Streams are then kept as their text. One for each line in the environment.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """[retention]: how long is kept what no money rests on."""

    detail_days: int = key(
        30,
        Whole(maximum=36_500),
        "Days that request details and content are kept; then, once the monthly rollups exist, "
        "maintenance deletes them.",
    )
    callback_days: int = key(
        30,
        Whole(maximum=36_500),
        "Days that callbacks are kept, with each attempt at one, after they were delivered or "
        "given up.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """[routing]: how hard a request tries."""

    attempts: int = key(
        3,
        Whole(maximum=100),
        "The most channels of one model that a request tries; its fallbacks have as many each.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """[health]: how sick channels are found to be well again."""

    probe_every_s: float | None = key(
        None,
        OrNothing(kind=Seconds(), word="off"),
        "Seconds between two looks for sick channels whose rest is over: one worker of all asks "
        "each of them for a few tokens, which you pay for and nobody is charged. With "
        '"off", it is customers\' calls that find out.',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """[upstream]: timeouts of channels that set none of their own."""

    connect_timeout_s: float = key(
        10.0, Seconds(), "Seconds to connect, TLS included, before the next channel is tried."
    )
    first_byte_timeout_s: float = key(
        300.0,
        Seconds(),
        "Seconds from the request to the first byte of the answer; a call that does not stream has "
        "its whole answer within them.",
    )
    chunk_timeout_s: float = key(60.0, Seconds(), "Seconds between two chunks of a stream.")
    total_timeout_s: float = key(600.0, Seconds(), "Seconds for a whole upstream call.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """[streams]: answers that flow."""

    slice_tokens: int = key(
        1024,
        Whole(maximum=1_000_000),
        "Output tokens that a stream without a limit of its own holds credits for, at first and "
        "again whenever three quarters of them are used.",
    )
    drain_timeout_s: float = key(
        30.0,
        Seconds(),
        "Seconds that an upstream is read on, for its own count, after its client has hung up.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """[callbacks]: delivery to a task's callback_url."""

    timeout_s: float = key(
        15.0, Seconds(maximum=60), "Seconds that one delivery may take from start to end."
    )
    max_attempts: int = key(
        8,
        Whole(maximum=20),
        "Deliveries tried before a callback is given up; `grip callbacks replay` tries again.",
    )
    ports: tuple[int, ...] = key((443,), Ports(), "The ports that a callback_url may name.")
    allow: tuple[Place, ...] = key(
        (),
        Places(),
        "Private places that may be reached all the same, each an address or a network with its "
        'port ("10.0.0.7:8080", "10.0.0.0/8:8443"). A callback_url may name such an address '
        "itself, over plain http too. For tests, and for receivers in networks of your own.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Legal:
    """[legal]: the terms that a purchase refers to."""

    terms_url: str = key("", LinkOrNothing(), "Address of the terms of service; may be empty.")
    refund_policy_url: str = key(
        "", LinkOrNothing(), "Address of the refund policy shown before a purchase; may be empty."
    )
    version: str = key(
        "",
        NameOrNothing(),
        "Which version of both holds, such as 2026-11: each order keeps the one it was made under.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """[regions.NAME]: one entry of GET /v1/regions."""

    endpoint: str = required_key(Link(), "The address under which customers reach the region.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """[log]: what the process writes to standard error."""

    level: str = key(
        "info",
        Choice(words=("debug", "info", "warning", "error")),
        "The least severe level written: debug, info, warning or error.",
    )
    format: str = key(
        "auto",
        Choice(words=("auto", "text", "json")),
        "text for people, json for machines; auto is text on a terminal and json elsewhere.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """[traces]: where the traces of calls go."""

    endpoint: str = key(
        "",
        LinkOrNothing(),
        "The address that takes traces as OTLP over HTTP, such as "
        '"http://127.0.0.1:4318/v1/traces"; this needs grip-gateway[otel]. Empty, there are none.',
    )
