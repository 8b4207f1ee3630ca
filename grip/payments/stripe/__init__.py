"""Stripe: Checkout Sessions, refunds, disputes and charges, through its official library.

Refuses to import that library before it is used: it takes 30 MB and a quarter of a second.
"""
