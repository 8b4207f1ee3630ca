"""Why a drill could not be carried out: nothing is known then of what would have been lost."""

from grip.errors import Category, GripError


class DrillImpossible(GripError):
    """Something that the drill itself needs is not to be had; the message says what."""

    code = "drill_impossible"
    category = Category.UNAVAILABLE
