"""How requests reach upstreams: one small port, and the HTTP clients behind it.

Knows HTTP and timeouts; knows nothing of vendors, money or routing.
"""
