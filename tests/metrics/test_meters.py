"""What is counted, and that strangers cannot make it grow without end."""

from grip.metrics import Counter, Counts, Histogram
from grip.metrics.counts import Snapshot, total
from grip.metrics.meters import MOST_SERIES, OTHER


def test_a_histogram_counts_a_value_up_to_the_bound_that_it_reaches():
    """A value that is a bound belongs to it; one above all of them is counted too."""
    histogram = Histogram((1.0, 2.0), (True,))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(("a",), value)

    assert histogram.values == {("a",): [2, 1, 1, 12.0]}


def test_a_metric_has_no_more_series_than_it_has_room_for():
    """What comes after is counted, without its names, and with all else that is known of it."""
    duration = Counts().histogram("gen_ai_server_request_duration_seconds")
    tokens = Counts().histogram("gen_ai_client_token_usage")
    for number in range(MOST_SERIES):
        duration.observe(("chat", f"model-{number}", "openai", ""), 1)
        tokens.observe(("chat", f"model-{number}", "openai", "input"), 1)
    for number in range(5):
        duration.observe(("chat", f"late-{number}", "openai", ""), 1)
    duration.observe(("chat", "late-1", "openai", "upstream_refused"), 1)
    tokens.observe(("chat", "late-1", "openai", "input"), 1000)
    tokens.observe(("chat", "late-1", "openai", "output"), 5)

    late = {labels: cells for labels, cells in duration.values.items() if OTHER in labels}
    assert {labels: sum(cells[:-1]) for labels, cells in late.items()} == {
        ("chat", OTHER, OTHER, ""): 5,
        ("chat", OTHER, OTHER, "upstream_refused"): 1,
    }
    assert tokens.values["chat", OTHER, OTHER, "input"][-1] == 1000
    assert tokens.values["chat", OTHER, OTHER, "output"][-1] == 5


def test_labels_without_names_cannot_grow_without_end_either():
    """However many ways to end strangers find, what is kept stays within twice the room."""
    counter = Counter((True, False))
    for number in range(3 * MOST_SERIES):
        counter.add((f"model-{number}", f"code-{number}"))

    assert len(counter.values) == 2 * MOST_SERIES + 1
    assert counter.values[OTHER, OTHER] == MOST_SERIES


def test_workers_are_added_up():
    """Counters and histograms series by series; of gauges only what is not old."""
    one, two = Counts(), Counts()
    for counts, calls in ((one, 1), (two, 2)):
        counts.in_flight = calls
        counts.counter("grip_refusals_total").add(("not_found",), calls)
        counts.histogram("grip_batch_size").observe((), calls)
    two.counter("grip_refusals_total").add(("conflict",))
    gone = Snapshot(at=-1e9, gauges={"grip_requests_in_flight": [((), 7)]})

    found = total([one.snapshot(), two.snapshot(), gone])

    assert dict(found.counters["grip_refusals_total"]) == {("not_found",): 3, ("conflict",): 1}
    assert dict(found.gauges["grip_requests_in_flight"]) == {(): 3}
    ((_, cells),) = found.histograms["grip_batch_size"]
    assert (cells[:3], cells[-1]) == ([1, 1, 0], 3)
