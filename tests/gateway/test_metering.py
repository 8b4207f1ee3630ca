import pytest

from grip.gateway import metering
from grip.gateway.call import Media
from grip.money.estimates import text_tokens
from grip.money.pricing import Rates
from grip.providers.port import Report

SELL = Rates(input_nano=10, output_nano=100, cached_input_nano=1)
TEXT = "The quick brown fox jumps over the lazy dog."


@pytest.fixture
def bought(candidate_at):
    """A channel with a buy price of a tenth."""
    return candidate_at(SELL, Rates(input_nano=1, output_nano=10))


def test_what_the_upstream_reported_is_charged(call, bought):
    """Cached input at its own price; the text is not even looked at."""
    report = Report(input_tokens=50, output_tokens=7, cached_input_tokens=20)
    measured = metering.measure(call(), bought, report, lambda: TEXT)

    assert not measured.estimated
    assert measured.cost_nano == 30 * 10 + 20 * 1 + 7 * 100
    assert measured.buy_cost_nano == 50 + 70
    assert (measured.usage.input_tokens, measured.usage.output_tokens) == (50, 7)
    assert measured.usage.cached_input_tokens == 20


def test_a_report_of_nothing_is_a_report(call, bought):
    """Zero is a count, None is not."""
    measured = metering.measure(
        call(), bought, Report(input_tokens=50, output_tokens=0), lambda: TEXT
    )

    assert (measured.estimated, measured.usage.output_tokens) == (False, 0)


@pytest.mark.parametrize("report", [None, Report()])
def test_without_a_report_the_call_is_estimated(call, bought, report):
    """From the input near the truth, not from the bound, and from the text that came."""
    measured = metering.measure(call(), bought, report, lambda: TEXT)

    assert measured.estimated
    assert (measured.usage.input_tokens, measured.usage.output_tokens) == (100, text_tokens(TEXT))
    assert measured.cost_nano == 100 * 10 + text_tokens(TEXT) * 100


@pytest.mark.parametrize(
    ("report", "tokens"),
    [
        (Report(input_tokens=50), (50, text_tokens(TEXT))),
        (Report(output_tokens=7), (100, 7)),
    ],
)
def test_half_a_report_is_taken_and_the_rest_is_estimated(call, bought, report, tokens):
    """And the whole is marked: only a full report is proof."""
    measured = metering.measure(call(), bought, report, lambda: TEXT)

    assert measured.estimated
    assert (measured.usage.input_tokens, measured.usage.output_tokens) == tokens


def test_a_call_that_generates_nothing_has_no_output(call, bought):
    """Whatever text is in its answer."""
    measured = metering.measure(call(has_output=False), bought, None, lambda: TEXT)

    assert measured.usage.output_tokens == 0


def test_a_buy_price_that_nobody_named_is_unknown_and_not_nothing(call, candidate_at):
    """A typed 0 is known."""
    for buy, cost in ((Rates(), None), (Rates(input_nano=0, output_nano=0), 0)):
        chosen = candidate_at(SELL, buy)
        report = Report(input_tokens=1, output_tokens=1)
        assert metering.measure(call(), chosen, report, str).buy_cost_nano == cost


IMAGES = Media(images=2, output_tokens=300)
SOUND = Media(seconds=9, seconds_bound=12)
SPEECH = Media(characters=40, output_tokens=70)
TOKENS = Rates(input_nano=10, output_nano=100)
EACH = Rates(image_nano=1_000)
SECONDS = Rates(second_nano=1_000)
CHARACTERS = Rates(character_nano=1_000)


@pytest.mark.parametrize(
    ("media", "sell", "report", "charge"),
    [
        (IMAGES, EACH, Report(images=1), (1_000, False)),
        (IMAGES, EACH, Report(images=0), (0, False)),
        (IMAGES, EACH, Report(), (2_000, True)),
        (IMAGES, EACH, Report(images=0, begun=1), (1_000, True)),
        (IMAGES, EACH, Report(images=1, begun=1), (2_000, True)),
        (IMAGES, EACH, None, (1_000, True)),
        (IMAGES, Rates(request_nano=3), Report(images=0, begun=1), (3, False)),
        (IMAGES, TOKENS, Report(input_tokens=5, output_tokens=7, images=2), (750, False)),
        (IMAGES, TOKENS, Report(images=3), (100 * 10 + 900 * 100, True)),
        (IMAGES, TOKENS, Report(), (100 * 10 + 600 * 100, True)),
        (IMAGES, TOKENS, Report(images=0, begun=1), (100 * 10 + 300 * 100, True)),
        (
            IMAGES,
            TOKENS,
            Report(input_tokens=5, output_tokens=7, images=1, begun=1),
            (750 + 300 * 100, True),
        ),
        (IMAGES, TOKENS, None, (100 * 10, True)),
        (SOUND, SECONDS, Report(seconds=4), (4_000, False)),
        (SOUND, SECONDS, Report(input_tokens=5, output_tokens=7), (9_000, True)),
        (SOUND, TOKENS, Report(input_tokens=5, output_tokens=7), (750, False)),
        (SOUND, TOKENS, Report(seconds=4), (100 * 10 + text_tokens(TEXT) * 100, True)),
        (SPEECH, CHARACTERS, None, (40_000, False)),
        (SPEECH, TOKENS, Report(), (100 * 10 + 70 * 100, True)),
        (SPEECH, TOKENS, None, (100 * 10, True)),
        (SPEECH, TOKENS, Report(input_tokens=5, output_tokens=7), (750, False)),
        (SPEECH, Rates(request_nano=3), None, (3, False)),
    ],
)
def test_media_is_charged_by_the_units_that_have_a_price(  # noqa: PLR0917 - a row of the table
    call, candidate_at, media, sell, report, charge
):
    """And only a unit that has one makes the row an estimate where nobody reported it."""
    text = str if media.output_tokens else (lambda: TEXT)
    measured = metering.measure(call(media=media), candidate_at(sell, Rates()), report, text)

    assert (measured.cost_nano, measured.estimated) == charge


def test_tokens_that_nobody_sells_or_reports_are_none(call, candidate_at):
    """A picture that is sold as one has no tokens to be counted against a limit."""
    measured = metering.measure(call(media=IMAGES), candidate_at(EACH, Rates()), None, str)

    assert (measured.usage.tokens, measured.usage.images) == (0, 1)
