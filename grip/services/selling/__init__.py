"""Selling credits: orders, what is done about what was told of them, tiers, documents, refunds.

Owns the one function by which a payment counts (`settling.settle`), whoever told of it. Refuses to
speak to payment providers inside a transaction.
"""
