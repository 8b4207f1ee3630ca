"""Recorded counts are those of OpenAI's o200k_base."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money import estimates

RECORDED = (
    (
        (
            "Write a short reply to a customer who asks why the invoice is higher than last month. "
            "Be polite, explain that the number of requests doubled, and offer to set a monthly "
            "limit. Do not promise a refund."
        ),
        43,
    ),
    (
        (
            "Bitte fasse den folgenden Bericht in drei Sätzen zusammen und nenne am Ende die "
            "größten Risiken für das nächste Quartal. "
            "Schreibe für Leser, die keine Fachbegriffe kennen."
        ),
        36,
    ),
    (
        (
            "Explique pourquoi la facture de ce mois est plus élevée que celle du mois précédent, "
            "et propose une limite mensuelle adaptée à l'usage de l'équipe."
        ),
        32,
    ),
    (
        (
            "Объясните, пожалуйста, почему счёт за этот месяц выше, чем за предыдущий, "
            "и предложите клиенту разумный месячный лимит."
        ),
        31,
    ),
    ("请用三句话总结下面的报告,并在最后列出下个季度最大的风险。不要使用专业术语。", 26),
    (
        "次の報告書を三つの文で要約し、最後に来期の最大のリスクを挙げてください。専門用語は使わないでください。",
        41,
    ),
    ("لخص التقرير التالي في ثلاث جمل واذكر في النهاية أكبر المخاطر في الربع القادم.", 21),
    ("निम्नलिखित रिपोर्ट को तीन वाक्यों में संक्षेप में लिखिए और अंत में सबसे बड़े जोखिम बताइए।", 29),
    (
        (
            'def settle(hold: Hold, usage: Usage) -> Charge:\n    """Return the charge of a call, '
            'rounded up once."""\n    cost_nano = price(usage, hold.rates)\n    if cost_nano > '
            "hold.cost_nano:\n        raise HoldExceeded(hold.id)\n    return "
            "Charge(hold_id=hold.id, cost_nano=cost_nano)\n"
        ),
        77,
    ),
    (
        (
            '{"model": "small", "messages": [{"role": "system", "content": "You are terse."}, '
            '{"role": "user", "content": "What is 17 * 23?"}], "temperature": 0.2, '
            '"max_tokens": 256, "stream": true}'
        ),
        63,
    ),
    (
        (
            "2026-11-21T06:07:50.113Z INFO request=9f2c41ab wallet=1042 status=200 "
            "input_tokens=1822 output_tokens=407 latency_ms=913\n"
            "2026-11-21T06:07:51.004Z WARN request=77e0b3d9 "
            "wallet=1042 status=429 retry_after=12\n"
        ),
        82,
    ),
    (
        (
            "Great work, team! 🎉🎉 The release is out 🚀 and the tests are green ✅. "
            "See you on Monday 👋😀"
        ),
        29,
    ),
)

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


@pytest.mark.parametrize(("text", "tokens"), RECORDED)
def test_estimate_is_within_a_quarter_of_the_recorded_count(text, tokens):
    """Common kinds of text are estimated within 25 % of what o200k_base counts."""
    assert abs(estimates.text_tokens(text) - tokens) * 4 <= tokens


@pytest.mark.parametrize(("text", "tokens"), RECORDED)
def test_bound_covers_the_recorded_count(text, tokens):
    """A hold by the bound covers the true count, with room for dearer vocabularies."""
    assert estimates.text_tokens_bound(text) * 10 >= tokens * 13


def test_recorded_counts_are_met_in_sum():
    """Errors cancel out: all the recorded texts together are within 5 %."""
    estimated = sum(estimates.text_tokens(text) for text, _ in RECORDED)
    recorded = sum(tokens for _, tokens in RECORDED)

    assert abs(estimated - recorded) * 20 <= recorded


def test_no_text_costs_no_token():
    """An empty string is estimated and held at nothing."""
    assert estimates.text_tokens("") == 0
    assert estimates.text_tokens_bound("") == 0


@given(ANY_TEXT)
def test_text_costs_at_least_a_token_and_at_most_its_bytes(text):
    """An estimate lies between 1 and the length in UTF-8, surrogates included."""
    tokens = estimates.text_tokens(text)

    assert min(1, len(text)) <= tokens <= len(text.encode("utf-8", "surrogatepass"))


@given(ANY_TEXT)
def test_bound_is_never_below_the_estimate(text):
    """What is held covers what an unreported usage is charged at."""
    assert estimates.text_tokens_bound(text) >= estimates.text_tokens(text)


@given(ANY_TEXT, ANY_TEXT)
def test_more_text_never_costs_less(first, second):
    """Text that is added to a prompt never lowers its estimate or its bound."""
    for count in (estimates.text_tokens, estimates.text_tokens_bound):
        assert count(first + second) >= max(count(first), count(second))


@given(ANY_TEXT, ANY_TEXT)
def test_estimates_of_parts_add_up(first, second):
    """The estimate of a whole differs from the sum over its parts by the seam alone."""
    for count, seam in ((estimates.text_tokens, 5), (estimates.text_tokens_bound, 8)):
        assert abs(count(first + second) - count(first) - count(second)) <= seam


@given(ANY_TEXT, st.integers(1, 20))
def test_estimate_grows_linearly(text, copies):
    """Copies of a text cost what one costs, times their number, but for the seams."""
    repeated = estimates.text_tokens(text * copies)

    assert abs(repeated - copies * estimates.text_tokens(text)) <= 5 * copies


def test_every_weight_of_the_bound_covers_that_of_the_estimate():
    """Whatever a text is made of weighs at least as much in the bound as in the estimate."""
    rows = estimates._ASCII_WEIGHTS + estimates._SCRIPT_WEIGHTS

    assert all(abs(bound) >= abs(estimate) for _, estimate, bound in rows)


def test_every_script_is_weighed():
    """Each class that a character can fall into counts something."""
    counted = {pattern for pattern, _, _ in estimates._SCRIPT_WEIGHTS}

    assert {classed for _, classed in estimates._SCRIPTS} == counted


@pytest.mark.parametrize(
    ("base64_chars", "compressed", "tokens"),
    [
        (0, True, 0),
        (80_000, True, 960),  # 60 kB of mp3: 30 s at 16 kbit/s
        (2_560_000, False, 7_680),  # 1.92 MB of wav: a minute at 16 kHz, 16 bit; Gemini says 1,920
    ],
)
def test_audio_is_bounded_by_the_longest_recording_it_can_hold(base64_chars, compressed, tokens):
    """Audio counts 32 tokens for each second that its bytes can hold at a low bit rate."""
    assert estimates.audio_tokens_bound(base64_chars, compressed=compressed) == tokens


@pytest.mark.parametrize(
    ("base64_chars", "tokens"),
    [(0, 0), (100, 4_000), (27_000, 44_000), (20_000_000, 400_000)],
)
def test_file_is_bounded_by_its_pages(base64_chars, tokens):
    """A document counts 4,000 tokens a page of 2 kB, 100 pages at most."""
    assert estimates.file_tokens_bound(base64_chars) == tokens
