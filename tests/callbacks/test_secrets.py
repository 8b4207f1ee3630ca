"""Secrets of a wallet: never more than two sign, and those that nobody was told end first."""

from grip.services import callback_secrets
from grip.store import callback_secrets as store
from tests.callbacks.conftest import Post, Receiver, deliver
from tests.conftest import FakeClock


async def signing(post: Post) -> list[str]:
    """Return the secrets that sign now, the newest first."""
    async with post.database.read() as connection:
        found = await store.active(connection, post.wallet_id, post.context.clock())
    return [one.secret for one in found]


async def make(post: Post, *, rotate: bool = True) -> str:
    """Make a secret; return it."""
    made = await callback_secrets.create(post.context, post.wallet_id, actor="test", rotate=rotate)
    return made.secret


async def test_never_more_than_two_sign(post: Post, clock: FakeClock):
    """A rotation within a rotation ends the oldest at once."""
    one = await make(post)
    clock.advance(1)
    two = await make(post)
    both = await signing(post)
    clock.advance(1)
    three = await make(post)

    assert both == [two, one]
    assert await signing(post) == [three, two]
    clock.advance(callback_secrets.OVERLAP_S)
    assert await signing(post) == [three]


async def test_a_secret_that_nobody_was_told_is_no_first_one(post: Post):
    """It ends when the operator makes the first."""
    await post.enqueue()
    await deliver(post.worker(Receiver()))
    unseen = await signing(post)
    first = await make(post, rotate=False)

    assert len(unseen) == 1
    assert await signing(post) == [first]


async def test_workers_that_need_a_first_secret_at_once_make_one(post: Post):
    """The wallet is locked for that."""
    for number in range(8):
        await post.enqueue(f"task_{number}", url=f"https://hooks{number}.example.com/")
    await deliver(post.worker(Receiver()))

    assert len(await signing(post)) == 1
