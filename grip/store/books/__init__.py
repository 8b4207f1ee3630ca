"""The books of the request path: one port, and its two engines.

Entries go in, outcomes come out; whatever arrives together shares a transaction. `port.py` is what
the gateway knows, `sqlite.py` and `postgres.py` are the engines, `statements.py` the SQL of both.
"""

from grip.store.books.port import BatchMeter, HotBooks
from grip.store.books.postgres import PostgresBooks
from grip.store.books.sqlite import SqliteBooks

__all__ = ["BatchMeter", "HotBooks", "PostgresBooks", "SqliteBooks"]
