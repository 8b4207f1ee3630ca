"""The path of a request: admission, routing, upstream, metering, settlement.

The files are named as the flow; `pipeline.py` alone knows the order, and the steps do not know
each other. Knows no wire shape of clients (`web`), no SQL (`store`), and nothing of `services`.
"""
