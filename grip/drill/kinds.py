"""The words of the drill's table: what is tried, by clients and against the gateway."""

from typing import Final

WHOLE: Final = "whole answers"
STREAMED: Final = "streamed answers"
HUNG_UP: Final = "hang-ups in mid-stream"
LEFT_EARLY: Final = "hang-ups before the head"
PARALLEL: Final = "duplicates at the same time"
LATER: Final = "duplicates later"
EMPTY: Final = "calls on purses that run empty"

UPSTREAM: Final = {
    "400": "upstream refuses the request (400)",
    "429": "upstream is overloaded (429)",
    "503": "upstream is down (503)",
    "connect": "upstream cannot be reached",
    "stall": "upstream never answers",
    "close": "upstream closes without an answer",
    "garbage": "upstream answers garbage",
    "error": "upstream hides an error in a 200",
    "cut": "upstream breaks off half-way",
    "none": "upstream reports no usage",
    "zero": "upstream reports a usage of zero",
}
"""What a storm of the upstream is made of, by its setting in the sandbox."""

KILLED: Final = "workers killed"
SLEPT: Final = "workers put to sleep for longer than a lease"
CREDITED: Final = "credits added meanwhile"
CUT: Final = "database connections cut"
CLOSED: Final = "database closed for a moment"
QUEUED: Final = "write queue kept by another process"
LOCKED: Final = "database locked by another process"

ATTEMPTS: Final = (
    WHOLE,
    STREAMED,
    *UPSTREAM.values(),
    HUNG_UP,
    LEFT_EARLY,
    PARALLEL,
    LATER,
    EMPTY,
)
"""What clients try, in the order of the table."""
