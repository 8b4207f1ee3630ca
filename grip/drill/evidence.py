"""Everything that a drill is judged by: the notes of clients and operator, and the books' word."""

from dataclasses import dataclass

from grip.drill.notes import Attempt, Gift, Incident
from grip.services.ledger import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A usage row, as far as a client's notes can say anything of it."""

    request_id: str
    ip: str
    key_id: str
    member_id: str
    status: str
    estimated: bool
    cost_nano: int
    hold_credits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A wallet at the end, in credits."""

    wallet_id: str
    balance: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A key or a member at the end; `cap_nano` None sets no limit."""

    id: str
    cap_nano: int | None
    spent_nano: int
    held_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A row of the journal by which a wallet got credits."""

    wallet_id: str
    amount: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the books say when all is over; `checks` are the invariants of `ledger verify`."""

    charges: tuple[Charge, ...]
    balances: tuple[Balance, ...]
    allowances: tuple[Allowance, ...]
    credits: tuple[Credit, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One engine's drill, whole; `server_status` is what the gateway exited with, None if not."""

    attempts: tuple[Attempt, ...]
    incidents: tuple[Incident, ...]
    gifts: tuple[Gift, ...]
    books: Books
    server_status: int | None
