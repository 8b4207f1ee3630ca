"""The page of metrics, and what rests on its names: the document and the dashboard."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grip.metrics import Counts, page
from grip.metrics.told import COUNTER, GAUGE, HISTOGRAM, METRICS

DOCS = Path(__file__).parents[2] / "docs"
TOLD = (DOCS / "metrics.md").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana-dashboard.json").read_text())


def series() -> set[str]:
    """Return the name of every series that there can be."""
    found: set[str] = set()
    for name, told in METRICS.items():
        endings = ("_bucket", "_count", "_sum") if told.kind == HISTOGRAM else ("",)
        found |= {name + ending for ending in endings}
    return found


def queries() -> list[str]:
    """Return every query of the dashboard, of its variables too."""
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    variables = DASHBOARD["templating"]["list"]
    return asked + [one["query"] for one in variables if one["type"] == "query"]


def test_a_page_says_what_was_counted_in_prometheus_own_words():
    """Prometheus' own parser reads it back, label by label."""
    counts = Counts()
    counts.counter("grip_refusals_total").add(("not_found",), 3)
    counts.histogram("grip_batch_size").observe((), 2)
    counts.in_flight = 4
    text = page(counts.snapshot(), {"grip_tasks": {('a"b\\c\n',): 1}}).decode()
    families = {one.name: one for one in text_string_to_metric_families(text)}

    (refusals,) = families["grip_refusals"].samples
    assert (refusals.labels, refusals.value) == ({"code": "not_found"}, 3)
    (tasks,) = families["grip_tasks"].samples
    assert (tasks.labels, tasks.value) == ({"phase": 'a"b\\c\n'}, 1)
    (flight,) = families["grip_requests_in_flight"].samples
    assert flight.value == 4
    sizes = {
        (one.name, one.labels.get("le")): one.value for one in families["grip_batch_size"].samples
    }
    assert sizes["grip_batch_size_bucket", "1.0"] == 0
    assert sizes["grip_batch_size_bucket", "2.0"] == 1
    assert sizes["grip_batch_size_bucket", "+Inf"] == 1
    assert sizes["grip_batch_size_count", None] == 1
    assert sizes["grip_batch_size_sum", None] == 2


def test_names_say_what_they_are():
    """Counters end in _total, nothing else does, and nothing names a customer."""
    for name, told in METRICS.items():
        assert name.endswith("_total") == (told.kind == COUNTER), name
        assert bool(told.bounds) == (told.kind == HISTOGRAM), name
        assert told.kind in (COUNTER, GAUGE, HISTOGRAM)
        assert not {"wallet", "key", "account", "email", "member", "ip"} & set(told.labels)


def test_the_document_tells_every_metric_with_its_labels():
    """Its table is the program's own."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", TOLD, re.MULTILINE)

    assert rows == [
        (name, told.kind, " ".join(f"`{one}`" for one in told.labels), told.help)
        for name, told in METRICS.items()
    ]


def test_the_dashboard_names_metrics_that_exist_and_their_labels():
    """Each name in each query, and each label that it chooses or groups by."""
    known = series()
    labels = {one for told in METRICS.values() for one in told.labels} | {"le", "job", "instance"}
    for query in queries():
        named = set(re.findall(r"\b(?:grip|gen_ai)_[a-z_]+\b", query)) - labels
        assert named, query
        assert named <= known, query
        chosen = re.findall(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"', query)
        grouped = re.findall(r"by \(([^)]*)\)", query)
        assert {*chosen, *(one.strip() for by in grouped for one in by.split(","))} <= labels, query


@pytest.mark.parametrize("name", METRICS)
def test_the_dashboard_shows_every_metric(name: str):
    """What is worth counting is worth a look."""
    assert any(name in query for query in queries())


def test_the_panels_of_the_dashboard_do_not_lie_upon_each_other():
    """Each has its id and its place."""
    panels = DASHBOARD["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_library_of_traces_comes_in_the_versions_of_the_tests(tmp_path: Path):
    """The line of the page leaves of each package its name and its version, and nothing else."""
    (line,) = re.findall(r"^sed .+ > versions\.txt$", TOLD, re.MULTILINE)
    shutil.copy(DOCS.parent / "requirements-dev.lock", tmp_path)
    subprocess.run(["/bin/sh", "-ec", line], cwd=tmp_path, check=True)
    pins = (tmp_path / "versions.txt").read_text(encoding="utf-8").splitlines()

    assert any(pin.startswith("opentelemetry-exporter-otlp-proto-http==") for pin in pins)
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+( ; [^\\]+)?", pin)] == []
