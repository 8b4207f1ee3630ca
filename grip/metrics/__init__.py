"""What a process counts of itself, and the page that Prometheus reads.

Counting is a few additions in plain dictionaries, on the loop, without a lock (docs/adr/0013).
Refuses to know what is counted: the gateway, the books and the jobs call it, and it calls nobody.
"""

from grip.metrics.counts import Counts
from grip.metrics.meters import Counter, Histogram
from grip.metrics.page import CONTENT_TYPE, page
from grip.metrics.shelf import Shelf

__all__ = ["CONTENT_TYPE", "Counter", "Counts", "Histogram", "Shelf", "page"]
