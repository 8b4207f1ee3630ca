"""One adapter per kind of upstream, sans-IO: values in, request values out; bytes in, events out.

Adapters know the wire of their vendor and nothing of HTTP clients, money or routing.
"""
