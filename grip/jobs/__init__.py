"""What the gateway does by the clock, beside requests.

Each job is idempotent, and safe on several workers and nodes at once.
"""

from grip.jobs.ticker import Ticker

__all__ = ["Ticker"]
