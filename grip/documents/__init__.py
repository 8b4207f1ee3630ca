"""Invoices, credit notes and statements: from a frozen value to the bytes of a file.

Owns how they look and what is embedded in them. Refuses to know a clock, a database, a number
series or a rule of tax: all that a document says was decided, and stored, before it is drawn.
Importing the room itself costs nothing; `render` and `statement` load the PDF library.
"""
