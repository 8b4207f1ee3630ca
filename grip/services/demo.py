"""The demo: an account with credits, a key, and a sandbox that answers without a network.

Only ever on a database that it began itself: what is there already is somebody's.
"""

from dataclasses import dataclass

from grip import errors
from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.providers.kinds import KINDS
from grip.services import accounts, channels, keys, models, wallets
from grip.services.context import Context
from grip.store import meta

ACTOR = "demo"
EMAIL = "demo@localhost.localdomain"
CHANNEL = "sandbox"
CREDITS = 100_000
CHAT_MODEL = "sandbox-chat"

_MARK = "demo"
_REASON = "credits to try grip with"
_KEY_NAME = "demo"
_SELL = {
    "chat": Rates(input_nano=150_000, output_nano=600_000),
    "embedding": Rates(input_nano=20_000),
    "image": Rates(image_nano=40 * NANO),
    "audio": Rates(second_nano=100_000_000, character_nano=15_000_000),
    "video": Rates(second_nano=100 * NANO),
}
"""In nano-credits: $0.15 and $0.60, and $0.02, per million tokens, $0.04 for an image, $0.0001 for
a second of sound, $15 for a million characters of speech, $0.10 for a second of video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The way into the demo: its API key, and the credits of its wallet."""

    key: str
    balance: int


async def prepare(context: Context) -> Access:
    """Make what of the demo is missing, and return the way in, with a fresh key each time.

    Raises Conflict on a database that is not the demo's own.
    """
    await _claim(context)
    await _fill(context)
    secret = await _fresh_key(context)
    return Access(key=secret, balance=(await wallets.get(context, EMAIL)).balance)


async def _fresh_key(context: Context) -> str:
    for key in await keys.list_keys(context, EMAIL):
        if key.name == _KEY_NAME and key.revoked_us is None:
            return (await keys.roll(context, key.id, actor=ACTOR)).secret
    made = await keys.create(context, EMAIL, actor=ACTOR, name=_KEY_NAME)
    return made.secret


async def _claim(context: Context) -> None:
    """Mark an empty database as the demo's."""
    async with context.database.write() as connection:
        if await meta.get(connection, _MARK) is not None:
            return
        if not await meta.is_empty(connection):
            raise errors.Conflict(
                "this database is in use, and the demo only works on one of its own; start "
                "without --demo, or name another database with GRIP_DATABASE_URL"
            )
        await meta.put(connection, _MARK, "begun")


async def _fill(context: Context) -> None:
    """Make what is missing: a demo that was cut short goes on where it was."""
    if not any(account.email == EMAIL for account in await accounts.list_accounts(context)):
        await accounts.create(context, actor=ACTOR, email=EMAIL, name="Demo")
    if (await wallets.get(context, EMAIL)).balance < CREDITS:
        await wallets.credit(context, EMAIL, CREDITS, actor=ACTOR, reason=_REASON)
    if not any(channel.name == CHANNEL for channel in await channels.list_channels(context)):
        draft = channels.Draft(name=CHANNEL, kind="sandbox")
        await channels.add(context, draft, actor=ACTOR)
    known = {model.name for model in await models.list_models(context)}
    for kind in KINDS["sandbox"].types:
        name = f"sandbox-{kind}"
        if name not in known:
            draft_model = models.Draft(name=name, type=kind, sell=_SELL[kind])
            await models.add(context, draft_model, actor=ACTOR)
