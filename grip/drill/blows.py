"""Carries out a plan against a running gateway, and notes what was really struck."""

import asyncio
from collections.abc import Callable, Sequence

from grip import errors
from grip.drill import kinds
from grip.drill.crowd import Crowd
from grip.drill.engines import Engine
from grip.drill.notes import Gift, Incident
from grip.drill.plan import Blow, Mood
from grip.drill.server import Server
from grip.drill.shop import ACTOR, POOR, Shop
from grip.services import wallets
from grip.services.context import Context


class Blows:
    """Strikes a gateway; `incidents` and `gifts` are what came of it."""

    def __init__(
        self,
        *,
        server: Server,
        engine: Engine,
        crowd: Crowd,
        context: Context,
        shop: Shop,
        now: Callable[[], float],
    ) -> None:
        self.incidents: list[Incident] = []
        self.gifts: list[Gift] = list(shop.gifts)
        self._server = server
        self._engine = engine
        self._crowd = crowd
        self._context = context
        self._wallets = list(dict.fromkeys(purse.wallet_id for purse in (*shop.poor, *shop.rich)))
        self._now = now
        self._database = asyncio.Lock()

    async def strike(self, plan: Sequence[Blow]) -> None:
        """Carry out a plan, each blow at its time, but one trouble of the database at a time."""
        async with asyncio.TaskGroup() as group:
            for blow in plan:
                await asyncio.sleep(max(0.0, blow.at_s - self._now()))
                group.create_task(self._strike(blow))

    async def _strike(self, blow: Blow) -> None:
        if blow.mood is not None:
            await self._storm(blow.mood, blow.lasts_s)
        elif blow.kind == kinds.KILLED:
            self._kill(blow)
        elif blow.kind == kinds.CREDITED:
            await self._give(blow)
        else:
            async with self._database:
                started_s = self._now()
                await self._engine.troubles[blow.kind](blow.lasts_s)
                self._note(blow, started_s)

    async def _storm(self, mood: Mood, lasts_s: float) -> None:
        self._crowd.mood = mood
        await asyncio.sleep(lasts_s)
        if self._crowd.mood is mood:
            self._crowd.mood = Mood.CALM

    def _kill(self, blow: Blow) -> None:
        for pid in blow.victims(self._server.workers()):
            at_s = self._now()
            if self._server.kill(pid):
                self._note(blow, at_s)

    async def _give(self, blow: Blow) -> None:
        """Add credits as an operator does; where the database is away, it may or may not happen."""
        wallet_id = self._wallets[int(blow.choice * len(self._wallets))]
        started_s, reason = self._now(), f"gift {len(self.gifts)}"
        index = len(self.gifts)
        self.gifts.append(Gift(wallet_id=wallet_id, amount=POOR, reason=reason, is_sure=False))
        try:
            await wallets.credit(self._context, wallet_id, POOR, actor=ACTOR, reason=reason)
        except errors.DatabaseUnavailable:
            pass
        else:
            sure = Gift(wallet_id=wallet_id, amount=POOR, reason=reason, is_sure=True)
            self.gifts[index] = sure
        self._note(blow, started_s)

    def _note(self, blow: Blow, started_s: float) -> None:
        incident = Incident(kind=blow.kind, started_s=started_s, ended_s=self._now())
        self.incidents.append(incident)
