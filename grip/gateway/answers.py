"""The answers that are kept under Idempotency-Keys, and given again (contract, part 4)."""

from typing import Final

import structlog

from grip import errors
from grip.clock import Clock
from grip.gateway.call import Call
from grip.money import claims
from grip.money.entries import Answer
from grip.store import idempotency
from grip.store.engine import Database
from grip.store.idempotency import StoredAnswer

MAX_BYTES: Final = 8 * 1024 * 1024
"""What is kept of an answer at the most."""

_WITH_THE_CHARGE_BYTES: Final = 1024 * 1024
_SWEEP_ROWS: Final = 500

log = structlog.get_logger(__name__)


class Answers:
    """Keeps answers for a day."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def recall(self, call: Call, key_id: str) -> StoredAnswer | None:
        """Return the answer to the first call with this Idempotency-Key; None for the first.

        Raises what `claims.objection` says of another body, a call that runs, or an answer lost.
        """
        if call.idem_key is None:
            return None
        return await self.recall_key(key_id, call.idem_key, call.fingerprint)

    async def recall_key(
        self, key_id: str, idem_key: str, fingerprint: str | None
    ) -> StoredAnswer | None:
        """Return what `recall` does, for whatever a key began under an Idempotency-Key."""
        async with self._database.read() as connection:
            claim = await idempotency.find(connection, key_id, idem_key)
            if claim is None or claims.is_over(claim, self._clock()):
                return None
            objection = claims.objection(claim, fingerprint)
            if objection is not None:
                raise objection
            found = await idempotency.answer(connection, claim.request_id)
        if found is None:
            raise errors.IdempotencyResultUnavailable(
                f"the answer to the request {claim.request_id} is not kept any more"
            )
        return found

    async def keep(self, call: Call, content_type: str, body: bytes) -> Answer | None:
        """Return what the settlement of `call` is to keep; a large body is stored at once.

        Where it cannot be, nothing is: the upstream has done its work, which is charged, and a
        repetition is told that the answer is lost.
        """
        if call.idem_key is None or len(body) > MAX_BYTES:
            return None
        if len(body) <= _WITH_THE_CHARGE_BYTES:
            return Answer(content_type=content_type, body=body)
        try:
            async with self._database.write() as connection:
                await idempotency.put_answer(connection, call.request_id, body, self._clock())
        except errors.DatabaseUnavailable as error:
            log.warning("answer.not_kept", error=error.detail)
            return None
        return Answer(content_type=content_type, body=None)

    async def sweep(self) -> int:
        """Delete what has been kept for a day; return how many rows went."""
        before_us = self._clock() - claims.KEPT_US
        gone = 0
        while True:
            async with self._database.write() as connection:
                swept = await idempotency.sweep(connection, before_us, _SWEEP_ROWS)
            gone += swept
            if swept < _SWEEP_ROWS:
                return gone
