"""What a call used and what it costs: the upstream's report, else an estimate marked as one."""

from collections.abc import Callable

from grip.gateway.call import Call, Candidate, Measured
from grip.money.estimates import text_tokens
from grip.money.pricing import cost_nano
from grip.providers.port import Report


def measure(
    call: Call, candidate: Candidate, report: Report | None, text: Callable[[], str]
) -> Measured:
    """Return what the call comes to at the price of the model that served.

    `text` gives what was generated, for want of a report.
    """
    reported = report or Report()
    output_tokens = 0
    if reported.output_tokens is None and call.has_output:
        output_tokens = max(text_tokens(text()) - call.echoed_tokens, 0)
    usage, estimated = reported.usage(input_tokens=call.input_tokens, output_tokens=output_tokens)
    return Measured(
        usage=usage,
        estimated=estimated,
        cost_nano=cost_nano(candidate.offer.sell, usage),
        buy_cost_nano=cost_nano(candidate.buy, usage) if candidate.buy.named else None,
    )
