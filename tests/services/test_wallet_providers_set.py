"""Who may serve a wallet: what can be said, and what is kept of it."""

import pytest

from grip import errors
from grip.services import audit, wallet_providers, wallets
from grip.services.wallet_providers import describe, policy


async def test_a_policy_takes_the_place_of_the_one_before(shop, context):
    """What was before and after is in the audit, with the reason."""
    ana = await shop.customer()
    first, second = policy(deny_kinds=["gemini"]), policy(allow_groups=["eu"])
    for one, why in ((first, "law"), (second, "no, this"), (None, "free again")):
        after = await wallet_providers.set_providers(
            context, ana.email, one, actor="op", reason=why
        )
        assert after.providers == one
        assert (await wallets.get(context, ana.wallet_id)).providers == one
    newest, older, oldest, *_ = await audit.list_audit(context, subject=ana.wallet_id)

    assert (oldest.action, oldest.before) == ("wallet.providers", {"providers": None})
    assert older.before == oldest.after == {"providers": describe(first)}
    assert (older.after, older.reason) == ({"providers": describe(second)}, "no, this")
    assert newest.after == {"providers": None}


async def test_the_same_policy_is_a_conflict_and_changes_nothing(shop, context):
    """In whatever order it is named."""
    ana = await shop.customer()
    for number, words in enumerate((["eu", "us"], ["us", "eu"])):
        made = policy(allow_groups=words)
        if number:
            with pytest.raises(errors.Conflict, match="already"):
                await wallet_providers.set_providers(
                    context, ana.wallet_id, made, actor="op", reason="r"
                )
        else:
            await wallet_providers.set_providers(
                context, ana.wallet_id, made, actor="op", reason="r"
            )

    assert len(await audit.list_audit(context, subject=ana.wallet_id)) == 1


async def test_a_policy_demands_a_reason(shop, context):
    """Somebody will ask why a customer is not served."""
    ana = await shop.customer()
    with pytest.raises(errors.InvalidRequest, match="say why"):
        await wallet_providers.set_providers(
            context, ana.wallet_id, policy(deny_kinds=["openai"]), actor="op", reason=" "
        )


@pytest.mark.parametrize(
    ("words", "param"),
    [
        ({"allow_kinds": ["openia"]}, "kind"),
        ({"deny_kinds": ["openai", "openai"]}, "kind"),
        ({"allow_groups": ["a b"]}, "group"),
        ({"deny_groups": ["eu", "eu"]}, "group"),
        ({"allow_groups": ["eu"], "deny_groups": ["eu"]}, "group"),
        ({"allow_kinds": ["azure"], "deny_kinds": ["azure"]}, "kind"),
    ],
)
def test_a_policy_names_what_can_be(words, param):
    """A word that nobody knows would deny nothing, in silence."""
    with pytest.raises(errors.InvalidRequest) as refused:
        policy(**words)

    assert refused.value.param == param


def test_a_policy_of_no_words_is_none():
    """Which lets every channel serve."""
    assert policy() is None
