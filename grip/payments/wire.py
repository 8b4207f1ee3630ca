"""HTTP to payment providers: one exchange within one deadline, and a bounded answer.

Owns connections. Refuses redirects, proxies of the environment, packed bodies, and to know what is
said. Errors name the provider and never repeat a header.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx2

from grip import errors

DEADLINE_S: Final = 15.0
"""For a whole exchange: to connect, to send, and to read the last byte."""

_BODY_MAX: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status with its headers and its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Connections to one provider, which `who` names in errors."""

    def __init__(self, who: str, *, deadline_s: float = DEADLINE_S) -> None:
        self._who = who
        self._deadline_s = deadline_s
        self._client: httpx2.AsyncClient | None = None

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Return the answer, whatever its status; raises PaymentProviderUnavailable for none."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._ask(method, url, headers, body)
        except TimeoutError:
            raise self._away(f"no answer in {self._deadline_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            raise self._away(type(error).__name__) from error

    async def close(self) -> None:
        """Close what is open."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        if self._client is None:
            # Its deadline is ours: timeouts of the library are for each read.
            self._client = httpx2.AsyncClient(timeout=None, trust_env=False)
        plain = {**headers, "Accept-Encoding": "identity"}
        async with self._client.stream(method, url, headers=plain, content=body) as answer:
            read = bytearray()
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) > _BODY_MAX:
                    raise self._away("its answer has no end")
            return Answer(status=answer.status_code, headers=answer.headers, body=bytes(read))

    def _away(self, detail: str) -> errors.PaymentProviderUnavailable:
        return errors.PaymentProviderUnavailable(
            f"the payment provider {self._who} cannot be reached; try again in a minute",
            detail=detail,
        )
