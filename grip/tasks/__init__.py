"""Media tasks: what outlives the request that asked for it.

May use the steps of the request path, providers, transport and store; refuses to know the other
use cases and the web.
"""
