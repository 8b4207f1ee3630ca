"""Why a drill could not be carried out: nothing is known then of what would have been lost."""

from grip.errors import Category, GripError


class DrillImpossible(GripError):
    """Something that the drill itself needs is not to be had; the message says what."""

    code = "drill_impossible"
    category = Category.UNAVAILABLE


def reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the failure that a person is told of many: the first that has a name."""
    named, unforeseen = group.split(GripError)
    if named is None or unforeseen is not None:
        return group
    first: BaseException = named
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
