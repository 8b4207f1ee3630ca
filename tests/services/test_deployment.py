"""What is risky about a set-up, told before anything is served."""

from grip.services import deployment
from grip.services.context import Context
from grip.store import boots


async def test_a_local_file_and_a_server_are_no_risk(context: Context):
    """Nor is a host that works alone."""
    assert deployment.risks(context) == []
    assert await deployment.shared_risks(context, "here") == []


async def test_a_network_file_system_is_told_with_the_remedy(context, monkeypatch):
    """SQLite there loses what it promises; a server somewhere else is no matter."""
    monkeypatch.setattr(deployment, "network_kind", lambda _path: "nfs4")
    told = deployment.risks(context)

    assert len(told) == int(context.database.is_sqlite)
    assert all("nfs4" in risk and "PostgreSQL" in risk for risk in told)


async def test_another_host_on_the_same_file_is_told(context: Context):
    """As long as it counts as living; on PostgreSQL that is what nodes are for."""
    async with context.database.write() as connection:
        for name, host in (("boot_1", "here"), ("boot_2", "there"), ("boot_3", "gone")):
            await boots.register(connection, name, host=host, region="", now_us=1)
        await boots.end(connection, "boot_3", boots.STOPPED, 2)
    told = await deployment.shared_risks(context, "here")

    assert ["there" in risk for risk in told] == [True] * int(context.database.is_sqlite)
