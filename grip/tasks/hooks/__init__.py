"""Calls of vendors about tasks: where they may call, whether it is them, and what that does.

A call is a reason to look, and may bring the id of a job that was lost sight of. What has become of
a task, only an answer to a look tells.
"""
