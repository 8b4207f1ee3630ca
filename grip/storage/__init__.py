"""Where the results of tasks lie: a directory of this machine, or storage that speaks S3.

Owns the writing that is all or nothing, and what a result is by its bytes. Refuses to know tasks,
owners and expiry: it is told a key, and does as it is told.
"""

from grip.storage.build import build
from grip.storage.directory import DirectoryStore
from grip.storage.port import ResultReader, ResultStore, Stored
from grip.storage.sniffing import begun, content_type_of, file_suffix

__all__ = [
    "DirectoryStore",
    "ResultReader",
    "ResultStore",
    "Stored",
    "begun",
    "build",
    "content_type_of",
    "file_suffix",
]
