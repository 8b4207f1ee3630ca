"""What is told of a drill's tasks: what was asked for, how it ended, and each check. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from grip.drill import kinds
from grip.drill.findings import Finding
from grip.drill.media import judge
from grip.drill.media.evidence import Evidence
from grip.drill.media.wares import WARES
from grip.drill.report import Row, Verdict, check

COMPLETED: Final = "tasks completed and charged"
FAILED: Final = "tasks failed and given back"
SUBMITTED: Final = "submissions that reached the upstream"
AGAIN: Final = "of them after one that was refused"


def verdict(engine: str, evidence: Evidence) -> Verdict:
    """Judge the tasks of a drill on an engine."""
    found = {name: list(rule(evidence)) for name, rule in judge.RULES.items()}
    findings = [finding for findings in found.values() for finding in findings]
    return Verdict(
        engine=engine,
        tried=list(_tried(evidence, findings)),
        checks=[*(check(name, found[name]) for name in found), *evidence.books.checks],
    )


def _tried(evidence: Evidence, findings: Sequence[Finding]) -> Iterator[Row]:
    lost = {finding.attempt for finding in findings}
    asked = Counter(begun.ware.what for begun in evidence.begun)
    gone = Counter(begun.ware.what for begun in evidence.begun if begun.number in lost)
    for ware in WARES:
        yield Row(what=ware.what, count=asked[ware.what], lost=gone[ware.what])
    ends = Counter(task.status for task in evidence.books.tasks.values())
    yield Row(what=COMPLETED, count=ends["completed"], lost=0)
    yield Row(what=FAILED, count=ends["failed"], lost=0)
    codes = Counter(task.error_code for task in evidence.books.tasks.values())
    for code in sorted(code for code in codes if code is not None):
        yield Row(what=f"  {code}", count=codes[code], lost=0)
    marks = {post.mark for post in evidence.posts}
    yield Row(what=SUBMITTED, count=len(evidence.posts), lost=0)
    yield Row(what=AGAIN, count=len(evidence.posts) - len(marks), lost=0)
    yield Row(what=kinds.KILLED, count=evidence.kills, lost=len(lost - {None}))
    yield Row(what=kinds.SLEPT, count=evidence.naps, lost=0)
