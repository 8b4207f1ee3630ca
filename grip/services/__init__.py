"""The use cases beside the request path: shared by command line, web and jobs.

Each is an `async` function that takes the `Context` first, opens its one transaction, leaves its
audit row in it, and returns records. Knows no wire shape and nothing of `gateway`.
"""
