"""`grip doctor`: what is wrong or risky about a gateway, and what to do about it.

Looks at configuration, secrets, database, clock, disk, catalog and tables, and changes nothing. The
books themselves are for `grip ledger verify`.
"""

from grip.services.doctor.examination import examine
from grip.services.doctor.finding import ERROR, OK, WARNING, Finding, describe

__all__ = ["ERROR", "OK", "WARNING", "Finding", "describe", "examine"]
