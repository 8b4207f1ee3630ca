"""Backups: SQLite files that hold every row, whichever engine they were made on (adr/0012).

`pages` copies a SQLite file while it is written to, `rows` goes between such a file and
PostgreSQL, `places` puts a file where a database was, `inspection` reads what a file is.
"""
