"""The table: every kind of trouble, how often, and what was lost in it."""

from grip.drill import kinds, report
from grip.drill.evidence import Evidence
from tests.drill.conftest import Doctor, charge


def _rows(evidence: Evidence) -> dict[str, tuple[int, int]]:
    verdict = report.verdict("sqlite", [kinds.QUEUED, kinds.LOCKED], evidence)
    return {row.what: (row.count, row.lost) for row in verdict.tried}


def test_every_kind_of_trouble_has_a_row_even_where_it_never_came(sound: Evidence):
    """Nothing that was not tried looks as if it had been."""
    rows = _rows(sound)

    assert list(rows) == [
        *kinds.ATTEMPTS,
        kinds.KILLED,
        kinds.QUEUED,
        kinds.LOCKED,
        kinds.CREDITED,
    ]
    assert rows[kinds.WHOLE] == (3, 0)
    assert rows[kinds.LATER] == (3, 0)
    assert rows[kinds.HUNG_UP] == (1, 0)
    assert rows[kinds.KILLED] == (1, 0)
    assert rows[kinds.STREAMED] == (0, 0)


def test_a_lost_call_counts_in_its_row_and_in_those_of_the_blows_it_met(doctor: Doctor):
    """A call that was under way when a worker was killed is counted there too."""
    away = doctor(charges=(charge(3), charge(5)))
    met = doctor({1: {"ended_s": 4.6}}, charges=(charge(3), charge(5)))

    assert (_rows(away)[kinds.WHOLE], _rows(away)[kinds.KILLED]) == ((3, 1), (1, 0))
    assert (_rows(met)[kinds.WHOLE], _rows(met)[kinds.KILLED]) == ((3, 1), (1, 1))


def test_a_lost_gift_counts_in_the_row_of_gifts(doctor: Doctor):
    """No call was lost with it."""
    rows = _rows(doctor(credits=()))

    assert rows[kinds.CREDITED] == (0, 1)
    assert rows[kinds.WHOLE] == (3, 0)


def test_a_verdict_is_ok_where_every_check_is(sound: Evidence, doctor: Doctor):
    """And is shown with the keys that programs rely on."""
    good = report.verdict("sqlite", [], sound)
    bad = report.verdict("sqlite", [], doctor(server_status=1))

    assert (good.ok, bad.ok) == (True, False)
    shown = report.describe(bad)
    assert shown["engine"] == "sqlite"
    assert shown["tried"][0] == {"what": kinds.WHOLE, "count": 3, "lost": 0}
    assert {
        "name": "gateway_stopped",
        "ok": False,
        "violations": ["the gateway ended with the status 1"],
        "count": 1,
    } in shown["checks"]


def test_many_losses_of_a_kind_are_counted_whole_and_told_in_part(doctor: Doctor, sound: Evidence):
    """A screen has an end."""
    strangers = tuple(charge(number) for number in range(100, 130))
    verdict = report.verdict("sqlite", [], doctor(charges=(*sound.books.charges, *strangers)))
    (check,) = [check for check in verdict.checks if not check.ok]

    assert (check.name, check.count, len(check.violations)) == ("charged_once", 30, 10)
