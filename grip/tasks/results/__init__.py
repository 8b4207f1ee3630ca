"""Results of tasks: fetched from their vendors and kept, or passed on; swept when they are due.

Owns the judgement whether what came is a result. Refuses to touch a task: what fails here is an
error with a name, and the lifecycle decides what it means.
"""

from grip.tasks.results.fetching import Incoming, fetch, look
from grip.tasks.results.proxy import ProxyReader
from grip.tasks.results.sweeping import Swept, sweep
from grip.tasks.results.vendor import Dial, Origin, incoming

__all__ = [
    "Dial",
    "Incoming",
    "Origin",
    "ProxyReader",
    "Swept",
    "fetch",
    "incoming",
    "look",
    "sweep",
]
