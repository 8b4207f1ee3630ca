"""What the drill of tasks says of evidence that is sound, and of each way in which it is not."""

from dataclasses import replace
from typing import Any

import pytest

from grip.drill.media import judge, telling, wares
from grip.drill.media.evidence import Books, Evidence, Kept
from grip.drill.media.stage import Begun
from grip.drill.media.upstream import REFUSED, TAKEN, UNTAKEN, Post
from grip.drill.media.wares import EACH_NANO, WARES
from grip.money.amounts import NANO
from grip.store.callbacks import Callback
from grip.store.records import UsageRow, Wallet
from grip.store.results import Result
from grip.store.tasks import Task

GIVEN = 100
GOOD, BAD = "task_good00", "task_bad000"
PICTURE = WARES[0]
FAILING = next(ware for ware in WARES if ware.ends == {"upstream_failed"})
FILE = "00/task_good00.0"


def _task(task_id: str, **told: Any) -> Task:
    nothing = dict.fromkeys(Task.__dataclass_fields__)
    usual = {"hold_id": f"hold_{task_id}", "attempts": 1, "phase": "failed", "completed_us": 9}
    return Task(**(nothing | usual | {"id": task_id, "status": "failed"} | told))  # type: ignore[arg-type]


def _of(kind: type[Any], **told: Any) -> Any:
    return kind(**(dict.fromkeys(kind.__dataclass_fields__) | told))


def _begun(number: int, task_id: str, ware: wares.Ware, *, calls_back: bool = False) -> Begun:
    return Begun(
        number=number,
        id=task_id,
        mark=f"mark_{task_id}",
        ware=ware,
        wallet_id="wal_1",
        calls_back=calls_back,
    )


def _post(task_id: str, came: str = TAKEN, attempt_us: int = 1) -> Post:
    job = f"job_{task_id}" if came == TAKEN else None
    return Post(mark=f"mark_{task_id}", attempt_us=attempt_us, came=came, job_id=job)


def _result(**told: Any) -> Result:
    usual = {"task_id": GOOD, "n": 0, "size": 3, "sha256": "abc"}
    result: Result = _of(Result, **(usual | told))
    return result


USAGE: UsageRow = _of(UsageRow, request_id=GOOD, wallet_id="wal_1", cost_nano=EACH_NANO)
WALLET: Wallet = _of(
    Wallet, id="wal_1", balance=GIVEN - 4, held=0, debt=0, carry_nano=EACH_NANO - 4 * NANO
)
CALLBACK: Callback = _of(Callback, id="cb_1", task_id=GOOD, event="task.completed")
COMPLETED = _task(
    GOOD, status="completed", phase="completed", attempts=2, upstream_id=f"job_{GOOD}"
)
FAILED = _task(BAD, error_code="upstream_failed")
SOUND = Evidence(
    begun=(_begun(0, GOOD, PICTURE, calls_back=True), _begun(1, BAD, FAILING)),
    posts=(_post(GOOD, REFUSED), _post(BAD), _post(GOOD, attempt_us=2)),
    heard={"cb_1": 2},
    given=GIVEN,
    books=Books(
        tasks={GOOD: COMPLETED, BAD: FAILED},
        results={GOOD: (_result(),), BAD: ()},
        resolutions={f"hold_{GOOD}": ("post",), f"hold_{BAD}": ("void",)},
        usage=(USAGE,),
        wallets=(WALLET,),
        callbacks=(CALLBACK,),
        checks=(),
    ),
    files={FILE: Kept(size=3, sha256="abc")},
    changed=frozenset(),
    errors=(),
    statuses=(0, 0),
    kills=1,
    naps=0,
)


def _broken(evidence: Evidence) -> set[str]:
    return {check.name for check in telling.verdict("sqlite", evidence).checks if not check.ok}


def _doctored(**changes: Any) -> Evidence:
    """The sound evidence with other parts, some of them of the books."""
    parts = {name: changes.pop(name) for name in list(changes) if hasattr(SOUND.books, name)}
    return replace(SOUND, books=replace(SOUND.books, **parts), **changes)


def test_sound_evidence_has_no_findings():
    """A task that was refused once and then completed, one that failed, and their callback."""
    verdict = telling.verdict("sqlite", SOUND)
    rows = {row.what: (row.count, row.lost) for row in verdict.tried}

    assert verdict.ok
    assert [check.name for check in verdict.checks] == list(judge.RULES)
    assert rows[PICTURE.what] == rows[FAILING.what] == (1, 0)
    assert (rows[telling.COMPLETED], rows[telling.FAILED]) == ((1, 0), (1, 0))
    assert (rows[telling.SUBMITTED], rows[telling.AGAIN]) == ((3, 0), (1, 0))


BREACHES: list[tuple[str, dict[str, Any]]] = [
    ("tasks_end", {"tasks": {GOOD: COMPLETED}, "posts": ()}),
    ("tasks_end", {"tasks": {GOOD: COMPLETED, BAD: _task(BAD, completed_us=None)}}),
    ("tasks_end", {"tasks": {**SOUND.books.tasks, "task_x": _task("task_x")}}),
    ("tasks_end", {"changed": frozenset({BAD})}),
    ("ends_foreseen", {"tasks": {GOOD: COMPLETED, BAD: _task(BAD, error_code="timeout")}}),
    ("ends_foreseen", {"tasks": {GOOD: COMPLETED, BAD: _task(BAD, error_code="submit_unknown")}}),
    ("holds_resolved_once", {"resolutions": {f"hold_{GOOD}": ("post",)}}),
    (
        "holds_resolved_once",
        {"resolutions": {f"hold_{GOOD}": ("post", "void"), f"hold_{BAD}": ("void",)}},
    ),
    (
        "holds_resolved_once",
        {"resolutions": {f"hold_{GOOD}": ("void",), f"hold_{BAD}": ("void",)}},
    ),
    ("tasks_charged", {"usage": ()}),
    ("tasks_charged", {"usage": (USAGE, USAGE)}),
    ("tasks_charged", {"usage": (replace(USAGE, cost_nano=EACH_NANO + 1),)}),
    ("tasks_charged", {"usage": (USAGE, replace(USAGE, request_id=BAD))}),
    ("tasks_charged", {"usage": (USAGE, replace(USAGE, request_id="task_x"))}),
    ("wallets_add_up", {"wallets": (replace(WALLET, carry_nano=WALLET.carry_nano + 1),)}),
    ("wallets_add_up", {"wallets": (replace(WALLET, held=1),)}),
    ("submissions_once", {"posts": (*SOUND.posts, _post(GOOD, attempt_us=2))}),
    ("submissions_once", {"posts": (_post(GOOD, UNTAKEN), *SOUND.posts[1:])}),
    ("submissions_once", {"posts": (*SOUND.posts, _post("task_x"))}),
    ("submissions_once", {"posts": (_post(BAD, REFUSED, 7), *SOUND.posts)}),
    ("jobs_adopted", {"posts": (*SOUND.posts[:2], _post(GOOD, REFUSED, 2))}),
    ("results_kept", {"results": {GOOD: ()}, "files": {}}),
    ("results_kept", {"files": {}}),
    ("results_kept", {"files": {FILE: Kept(size=3, sha256="abd")}}),
    ("results_kept", {"results": {GOOD: (_result(),), BAD: (_result(task_id=BAD),)}}),
    ("files_named", {"files": {**SOUND.files, f"00/{BAD}.0": Kept(size=1, sha256="")}}),
    ("callbacks_written_once", {"callbacks": (), "heard": {}}),
    ("callbacks_written_once", {"callbacks": (CALLBACK, replace(CALLBACK, event="task.failed"))}),
    ("callbacks_written_once", {"callbacks": (CALLBACK, replace(CALLBACK, task_id=BAD))}),
    ("callbacks_written_once", {"heard": {"cb_2": 1}}),
    ("workers_calm", {"errors": ("worker-1.log: a traceback",)}),
    ("workers_calm", {"statuses": (0, None)}),
    ("tasks_came", {"kills": 0}),
    ("tasks_came", {"begun": ()}),
]


@pytest.mark.parametrize(("rule", "changes"), BREACHES)
def test_each_rule_finds_what_breaks_it(rule: str, changes: dict[str, Any]):
    """Whatever else it breaks."""
    assert rule in _broken(_doctored(**changes))


def test_every_rule_can_fail():
    """None of them is there for show."""
    assert {rule for rule, _ in BREACHES} == set(judge.RULES)


def test_a_task_of_which_nothing_was_made_may_end_as_unknown():
    """Its worker was killed before it was sent, or before that was written down."""
    unknown = _task(BAD, error_code="submit_unknown")
    for posts in (SOUND.posts[::2], (*SOUND.posts[::2], _post(BAD, UNTAKEN))):
        assert _broken(_doctored(tasks={GOOD: COMPLETED, BAD: unknown}, posts=posts)) == set()


def test_a_loss_is_counted_where_it_was_asked_for():
    """In the row of its ware, and in none beside it."""
    verdict = telling.verdict("sqlite", _doctored(usage=()))
    lost = {row.what for row in verdict.tried if row.lost}

    assert PICTURE.what in lost
    assert FAILING.what not in lost


def test_no_two_wares_look_alike():
    """Each has a row of its own."""
    assert len({ware.what for ware in WARES}) == len(WARES)
