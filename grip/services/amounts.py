"""Amounts and reasons as people type them: checked before any row is locked."""

from grip import errors
from grip.money.amounts import MAX_CREDITS


def whole_credits(amount: int, *, minimum: int = 1, param: str = "credits") -> int:
    """Return whole credits of at least `minimum`; raises InvalidRequest where they are not."""
    if not minimum <= amount <= MAX_CREDITS:
        raise errors.InvalidRequest(
            f"{param} must be from {minimum} to {MAX_CREDITS}, not {amount}", param=param
        )
    return amount


def reason(text: str) -> str:
    """Return why a change is made; raises InvalidRequest where nobody says it."""
    stripped = text.strip()
    if not stripped:
        raise errors.InvalidRequest("say why: a reason is kept with this change", param="reason")
    return stripped
