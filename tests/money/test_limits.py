from dataclasses import dataclass, field

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from grip.money.limits import MINUTE_US, SECOND_US, Window, whole_seconds

START = 1_800_000_000_000_000

EXACT = st.integers(1, 256)
MERGED = st.integers(257, 5_000)
STEPS_US = st.one_of(
    st.just(0),
    st.integers(0, 20_000),
    st.integers(0, MINUTE_US // 10),
    st.sampled_from([1, SECOND_US, MINUTE_US - 1, MINUTE_US, MINUTE_US + 1]),
)
ASKS = st.lists(st.tuples(STEPS_US, st.integers(1, 60)), min_size=1, max_size=60)
NARROW = st.lists(st.tuples(STEPS_US, st.integers(1, 5_000)), min_size=1, max_size=60)


@dataclass
class Log:
    """The naive model: everything that was ever admitted, and nothing forgotten."""

    limit: int
    window_us: int
    taken: list[list[int]] = field(default_factory=list)

    def used(self, now_us: int, window_us: int | None = None) -> int:
        edge = now_us - (window_us or self.window_us)
        return sum(amount for at_us, amount in self.taken if at_us > edge)

    def fits(self, now_us: int, amount: int, window_us: int | None = None) -> bool:
        return self.used(now_us, window_us) + amount <= self.limit

    def worst(self) -> int:
        """The most that any window ever had: the fullest is one that ends at an admission."""
        return max(
            (
                sum(n for at_us, n in self.taken if end_us - self.window_us < at_us <= end_us)
                for end_us, _ in self.taken
            ),
            default=0,
        )


def wait(log: bytes, limit: int, now_us: int, amount: int) -> int:
    """Ask a row's log as an admission does; what it forgets is not written back."""
    return Window(log, limit, MINUTE_US).wait_us(now_us, amount)


def run(limit: int, asks: list[tuple[int, int]]) -> Log:
    """Ask for one amount after the other, on a row, and hold every answer to the model."""
    model, row, now_us = Log(limit, MINUTE_US), b"", START
    for step_us, amount in asks:
        now_us += step_us
        window = Window(row, limit, MINUTE_US)
        wait_us = window.wait_us(now_us, amount)
        if wait_us:
            event("refused")
            check_refusal(model, row, now_us, amount, wait_us)
            continue
        assert model.fits(now_us, amount)
        window.take(now_us, amount)
        model.taken.append([now_us, amount])
        row = window.pack()
    return model


def check_refusal(model: Log, row: bytes, now_us: int, amount: int, wait_us: int) -> None:
    """Hold a refusal to its promise: a lone waiter is admitted then, and not earlier."""
    if amount > model.limit:
        assert wait_us == MINUTE_US
        return
    assert wait(row, model.limit, now_us + wait_us, amount) == 0
    assert wait(row, model.limit, now_us + wait_us - 1, amount) > 0
    if model.limit <= 256:
        assert model.fits(now_us + wait_us, amount)
        assert not model.fits(now_us + wait_us - 1, amount)
    else:
        assert not model.fits(now_us, amount, MINUTE_US + MINUTE_US // 128)


@given(EXACT, ASKS)
def test_a_small_limit_admits_exactly_what_fits(limit: int, asks: list[tuple[int, int]]):
    """Never more than the limit in any window, and the wait is right to the microsecond."""
    assert run(limit, asks).worst() <= limit


@given(MERGED, NARROW)
def test_a_large_limit_is_never_exceeded_either(limit: int, asks: list[tuple[int, int]]):
    """Merging loses at most 1/128 of a window, and keeps both promises."""
    assert run(limit, asks).worst() <= limit


@given(
    EXACT | MERGED,
    st.lists(st.tuples(STEPS_US, st.integers(0, MINUTE_US)), max_size=60),
)
def test_a_clock_that_wavers_admits_no_more(limit: int, moves: list[tuple[int, int]]):
    """What is admitted counts at a time not before any other, and a wait is still a promise."""
    model, row, latest_us = Log(limit, MINUTE_US), b"", START
    amount = limit // 3 + 1
    for step_us, behind_us in moves:
        latest_us += step_us
        now_us = latest_us - behind_us
        window = Window(row, limit, MINUTE_US)
        if wait_us := window.wait_us(now_us, amount):
            check_refusal(model, row, now_us, amount, wait_us)
            continue
        at_us = window.take(now_us, amount)
        assert at_us == max([now_us, *(at for at, _ in model.taken)])
        model.taken.append([at_us, amount])
        row = window.pack()

    assert model.worst() <= limit


@given(st.integers(1, 2_000), st.lists(st.tuples(STEPS_US, st.booleans()), max_size=60))
def test_a_clock_that_jumps_about_locks_nobody_out(limit: int, jumps: list[tuple[int, bool]]):
    """However far it jumps: a wait is short, and a promise."""
    row, now_us = b"", START
    for step_us, forwards in jumps:
        now_us += step_us if forwards else -step_us
        window = Window(row, limit, MINUTE_US)
        if wait_us := window.wait_us(now_us, 1):
            assert wait_us <= 2 * MINUTE_US
            assert wait(row, limit, now_us + wait_us, 1) == 0
        else:
            window.take(now_us, 1)
            row = window.pack()


def test_a_clock_that_was_set_right_locks_nobody_out():
    """What an hour ahead was admitted is forgotten, not waited for."""
    window = Window(None, 2, MINUTE_US)
    window.take(START + 60 * MINUTE_US, 2)

    assert window.wait_us(START, 1) == 0
    assert window.take(START, 1) == START


@given(EXACT | MERGED, NARROW)
def test_packing_a_log_loses_nothing(limit: int, asks: list[tuple[int, int]]):
    """A row answers as the window that was packed on it."""
    window, now_us = Window(None, limit, MINUTE_US), START
    for step_us, amount in asks:
        now_us += step_us
        if not window.wait_us(now_us, amount):
            window.take(now_us, amount)
    again = Window(window.pack(), limit, MINUTE_US)

    assert again.pack() == window.pack()
    assert again.standing(now_us) == window.standing(now_us)


@given(
    EXACT | MERGED,
    st.lists(
        st.tuples(STEPS_US, st.integers(1, 200), st.integers(0, 400), st.integers(0, 8)),
        min_size=1,
        max_size=50,
    ),
)
def test_a_correction_counts_what_was_used_in_place_of_what_was_estimated(
    limit: int, calls: list[tuple[int, int, int, int]]
):
    """Once for each admission, however late, and never on another one."""
    model, row, now_us = Log(limit, MINUTE_US), b"", START
    uncorrected: list[tuple[list[int], int]] = []
    for step_us, estimate, actual, later in calls:
        now_us += step_us
        window = Window(row, limit, MINUTE_US)
        if not window.wait_us(now_us, estimate):
            assert model.fits(now_us, estimate)
            window.take(now_us, estimate)
            entry = [now_us, estimate]
            model.taken.append(entry)
            uncorrected.append((entry, actual))
        elif limit <= 256:
            assert not model.fits(now_us, estimate)
        while len(uncorrected) > later:
            entry, used = uncorrected.pop(0)
            window.correct(entry[0], used - entry[1])
            entry[1] = used
        row = window.pack()
        used_now = Window(row, limit, MINUTE_US).used(now_us)
        if limit <= 256:
            assert used_now == model.used(now_us)
        else:
            assert model.used(now_us) <= used_now
            assert used_now <= model.used(now_us, MINUTE_US + MINUTE_US // 128)


@pytest.mark.parametrize("limit", [100, 10_000])
def test_a_correction_that_comes_after_its_window_changes_no_other_call(limit: int):
    """The call that was admitted since has used what it has used."""
    window = Window(None, limit, MINUTE_US)
    window.take(START, 90)
    later_us = START + MINUTE_US + 1
    assert window.wait_us(later_us, 90) == 0
    window.take(later_us, 90)
    window.correct(START, -90)

    assert window.used(later_us) == 90


def test_two_calls_of_one_moment_are_corrected_together():
    """Their sum is what counts, whichever is corrected first."""
    window = Window(None, 100, MINUTE_US)
    window.take(START, 10)
    window.take(START, 80)
    window.correct(START, -80)

    assert window.used(START) == 10


def test_what_used_nothing_leaves_no_trace():
    """A call that is released gives back all of its tokens, and its place in the log."""
    window = Window(None, 100, MINUTE_US)
    window.take(START, 0)
    assert window.pack() == b""
    window.take(START, 60)
    window.correct(START, -60)
    window.correct(START, -60)

    assert window.pack() == b""


@given(st.integers(257, 100_000), st.integers(1, 4))
def test_a_log_fits_on_a_row(limit: int, amount: int):
    """However busy the key: a few kilobytes."""
    window, now_us = Window(None, limit, MINUTE_US), START
    for _ in range(1_000):
        now_us += 50_000
        if not window.wait_us(now_us, amount):
            window.take(now_us, amount)

    assert len(window.pack()) <= 130 * 16


def test_a_limit_stands_as_it_is_told():
    """What remains, and when the window is empty again."""
    window = Window(None, 3, SECOND_US)
    assert window.standing(START).remaining == 3
    assert window.standing(START).reset_us == 0
    window.take(START, 1)
    window.take(START + 200_000, 1)
    standing = window.standing(START + 300_000)

    assert (standing.limit, standing.remaining, standing.reset_us) == (3, 1, 900_000)


def test_a_limit_that_was_lowered_holds_at_once():
    """What a window has above it is waited for; nothing remains below zero."""
    window = Window(None, 300, MINUTE_US)
    for number in range(4):
        window.take(START + number * SECOND_US, 50)
    lowered = Window(window.pack(), 60, MINUTE_US)
    now_us = START + 10 * SECOND_US

    assert lowered.standing(now_us).remaining == 0
    assert lowered.wait_us(now_us, 10) == 52 * SECOND_US


@pytest.mark.parametrize(
    ("wait_us", "seconds"), [(0, 0), (1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2)]
)
def test_a_wait_is_told_in_whole_seconds_rounded_up(wait_us: int, seconds: int):
    """It is a promise, so it may only be too long."""
    assert whole_seconds(wait_us) == seconds
