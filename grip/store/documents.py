"""The rows of `document`: invoices and credit notes, numbered without a gap, never changed."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows
from grip.store.tables import document, document_pdf, document_series

_NAME: Final = re.compile(r"(?P<series>[A-Z]+-[0-9]{4}-)(?P<number>[0-9]{6,15})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An invoice or a credit note; `content` is all that stands on it, `cause` what it is for."""

    id: str
    series: str
    number: int
    kind: str
    wallet_id: str
    order_id: str | None
    cause: str
    currency: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    content: dict[str, Any]
    issued_us: int

    @property
    def name(self) -> str:
        """Its number as people read it."""
        return f"{self.series}{self.number:06d}"


async def next_number(connection: AsyncConnection, series: str) -> int:
    """Take the next number of a series: rolled back with the transaction, it is not taken."""
    return await _advanced(connection, series, 1) - 1


async def lock_series(connection: AsyncConnection, series: str) -> None:
    """Lock a series until the end of the transaction; none of its numbers is taken."""
    await _advanced(connection, series, 0)


async def _advanced(connection: AsyncConnection, series: str, by: int) -> int:
    """Return the number that a series goes on with, once it has gone on."""
    is_sqlite = connection.dialect.name == "sqlite"
    insert_ = sqlite.insert if is_sqlite else postgresql.insert
    first = insert_(document_series).values(series=series, next_number=1 + by)
    advanced = first.on_conflict_do_update(
        index_elements=["series"], set_={"next_number": document_series.c.next_number + by}
    ).returning(document_series.c.next_number)
    return int((await connection.execute(advanced)).scalar_one())


async def insert(connection: AsyncConnection, added: Stored) -> None:
    """Write a document."""
    await connection.execute(sa.insert(document).values(asdict(added)))


async def find(connection: AsyncConnection, document_id: str) -> Stored | None:
    """Return a document by its id or its number as people read it, None where there is none."""
    named = document.c.id == document_id
    if found := _NAME.fullmatch(document_id):
        numbered = document.c.series == found["series"]
        named = sa.or_(named, sa.and_(numbered, document.c.number == int(found["number"])))
    row = (await connection.execute(sa.select(document).where(named))).mappings().one_or_none()
    return None if row is None else rows.record(Stored, row)


async def by_cause(connection: AsyncConnection, wallet_id: str, cause: str) -> Stored | None:
    """Return the document that stands for something, None where there is none yet."""
    query = sa.select(document).where(document.c.wallet_id == wallet_id, document.c.cause == cause)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else rows.record(Stored, row)


async def load(
    connection: AsyncConnection,
    *,
    wallet_id: str | None = None,
    order_id: str | None = None,
    limit: int | None = None,
) -> list[Stored]:
    """Return documents, newest first."""
    query = (
        sa.select(document).order_by(document.c.issued_us.desc(), document.c.id.desc()).limit(limit)
    )
    if wallet_id is not None:
        query = query.where(document.c.wallet_id == wallet_id)
    if order_id is not None:
        query = query.where(document.c.order_id == order_id)
    return [rows.record(Stored, row) for row in (await connection.execute(query)).mappings()]


async def seal(connection: AsyncConnection, document_id: str, sha256: str, now_us: int) -> str:
    """Write down what a document looked like first; return that, whoever wrote it."""
    is_sqlite = connection.dialect.name == "sqlite"
    insert_ = sqlite.insert if is_sqlite else postgresql.insert
    values = {"document_id": document_id, "sha256": sha256, "rendered_us": now_us}
    await connection.execute(insert_(document_pdf).values(values).on_conflict_do_nothing())
    query = sa.select(document_pdf.c.sha256).where(document_pdf.c.document_id == document_id)
    return str((await connection.execute(query)).scalar_one())
