"""The tables of `make bench` say what was measured."""

import dataclasses
from typing import Any

import pytest

from tests.bench import options, report
from tests.bench.gateways import GATEWAYS
from tests.bench.measuring import Result

_RESULT = Result(
    requests=100,
    errors=0,
    seconds=2,
    p50_ms=1,
    p99_ms=2,
    first_p50_ms=0.5,
    cpu_s=0.05,
    database_cpu_s=0,
    peak_mb=100,
    foreign_share=0,
)


def _rounds(*p50: float, **changes: Any) -> list[Result]:
    return [dataclasses.replace(_RESULT, p50_ms=one, **changes) for one in p50]


def _tables(results: report.Results) -> str:
    gateways = [GATEWAYS["direct"], GATEWAYS["postgres"]]
    return "\n".join(report.tables(gateways, results, 1000, ""))


def test_latency_is_added_to_the_direct_call_of_the_same_round():
    """Where the machine drifts, the direct call drifts with it, and what is added stays."""
    results = {
        ("direct", "many"): _rounds(1, 2, 6),
        ("postgres", "many"): _rounds(4.5, 5, 9),
    }

    assert "| 3.00 · 0.000 |" in _tables(results)


def test_the_cpu_of_the_database_stands_beside_that_of_the_gateway():
    """A gateway with a server of its own names both."""
    results = {
        ("direct", "many"): _rounds(1),
        ("postgres", "many"): _rounds(2, cpu_s=0.05, database_cpu_s=0.02),
    }

    assert "0.500 + 0.200 db" in _tables(results)


def test_errors_and_other_programs_are_told():
    """No figure hides that requests failed, or that the machine was busy with something else."""
    results = {
        ("direct", "many"): _rounds(1),
        ("postgres", "many"): _rounds(2, errors=3, foreign_share=0.25),
    }
    told = _tables(results)

    assert "| 100 | 3 |" in told
    assert "25% in the worst" in told


def test_the_direct_call_is_always_part_of_a_plan():
    """Without it there is nothing that latency could be added to."""
    plan = options.parse(["sqlite", "--phases", "more,one"])

    assert [gateway.slug for gateway in plan.gateways] == ["direct", "sqlite"]
    assert plan.phases == ["one", "more"]


@pytest.mark.parametrize("words", [["--phases", "none"], ["none"]])
def test_what_is_not_there_is_refused(words: list[str]):
    """A phase or gateway that nobody knows ends with status 2."""
    with pytest.raises(SystemExit) as stopped:
        options.parse(words)

    assert stopped.value.code == 2
