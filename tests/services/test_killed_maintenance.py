"""Maintenance is killed in mid-work, and goes on where it was."""

from tests.bench.maintenance_kills import kill


async def test_who_is_killed_has_added_nothing_twice_and_deleted_nothing_early(database_url: str):
    """Few times here; `python -m tests.bench.maintenance_kills` does it fifty times."""
    outcome = await kill(database_url, 2, 7)

    assert outcome.wrong == []
    assert outcome.killed == {"rollup": 1, "retention": 1}
