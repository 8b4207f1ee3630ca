"""What a rule of the judge yields where it does not hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One loss, in a sentence.

    `attempt` is the number of the call that it concerns, `kind` the trouble where no call does.
    """

    sentence: str
    attempt: int | None = None
    kind: str | None = None
