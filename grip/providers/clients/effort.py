"""How much a model is to think, as Anthropic's API says it; some clients of chat do so too."""

from grip.providers.clients.members import Members, quoted
from grip.providers.conversation import Thinking


def read_thinking(members: Members) -> Thinking:
    """Return what a `thinking` object asks for; `adaptive` leaves it to the model."""
    kind = members.needed("type")
    budget = None
    if kind == "enabled":
        budget = members.count("budget_tokens")
    elif kind not in ("adaptive", "disabled"):
        raise members.refused("type", f"no other API thinks {quoted(kind)}")
    # What is shown of a thought changes nothing about the answer.
    members.only("display", "summarized", "omitted")
    members.done()
    return Thinking(budget_tokens=budget, off=kind == "disabled")
