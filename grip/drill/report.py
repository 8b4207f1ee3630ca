"""What is told of a drill: what was tried, how often, what was lost, and each check. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from grip.drill import judge, kinds, purses
from grip.drill.case import Case
from grip.drill.evidence import Evidence
from grip.drill.findings import Finding
from grip.drill.notes import Attempt
from grip.services.ledger import Check

_SHOWN_MAX: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of trouble: how often it was tried, and how many calls were lost in it."""

    what: str
    count: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One engine's drill, judged.

    `scratch` is the folder where its files were left, `database` the one that was left on the
    server; None where nothing was.
    """

    engine: str
    tried: list[Row]
    checks: list[Check]
    scratch: str | None = None
    database: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was lost."""
        return all(check.ok for check in self.checks)


def describe(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as it is shown."""
    return {
        "engine": verdict.engine,
        "tried": [asdict(row) for row in verdict.tried],
        "checks": [asdict(check) for check in verdict.checks],
        "scratch": verdict.scratch,
        "database": verdict.database,
    }


def verdict(engine: str, troubles: Sequence[str], evidence: Evidence) -> Verdict:
    """Judge a drill on an engine that can be troubled in these ways."""
    found = _found(evidence)
    findings = [finding for findings in found.values() for finding in findings]
    return Verdict(
        engine=engine,
        tried=list(_tried(troubles, evidence, findings)),
        checks=[*(check(name, found[name]) for name in found), *evidence.books.checks],
    )


def _found(evidence: Evidence) -> Mapping[str, list[Finding]]:
    case = Case(evidence)
    calls = {name: list(rule(case)) for name, rule in judge.RULES.items()}
    return calls | {name: list(rule(evidence)) for name, rule in purses.RULES.items()}


def check(name: str, findings: Sequence[Finding]) -> Check:
    """Return a rule as the checks of the books are: the first findings stand for all of them."""
    shown = [finding.sentence for finding in findings[:_SHOWN_MAX]]
    return Check(name=name, ok=not findings, violations=shown, count=len(findings))


def _tried(
    troubles: Sequence[str], evidence: Evidence, findings: Sequence[Finding]
) -> Iterator[Row]:
    lost = {finding.attempt for finding in findings}
    losers = [attempt for attempt in evidence.attempts if attempt.number in lost]
    beside = Counter(finding.kind for finding in findings if finding.kind is not None)
    calls = Counter(attempt.kind for attempt in evidence.attempts)
    calls_lost = Counter(attempt.kind for attempt in losers)
    for kind in kinds.ATTEMPTS:
        yield Row(what=kind, count=calls[kind], lost=calls_lost[kind] + beside[kind])
    struck = Counter(blow.kind for blow in evidence.incidents)
    for kind in (kinds.KILLED, *troubles):
        met = sum(_met(attempt, kind, evidence) for attempt in losers)
        yield Row(what=kind, count=struck[kind], lost=met)
    yield Row(what=kinds.CREDITED, count=struck[kinds.CREDITED], lost=beside[kinds.CREDITED])


def _met(attempt: Attempt, kind: str, evidence: Evidence) -> bool:
    """Whether a call was under way while the gateway was struck like this."""
    return any(
        blow.kind == kind
        and blow.started_s <= attempt.ended_s
        and attempt.started_s <= blow.ended_s
        for blow in evidence.incidents
    )
