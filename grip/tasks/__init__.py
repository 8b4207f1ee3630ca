"""Media tasks: jobs that outlive their request, from the hold to the result or the refund.

Owns their lifecycle and their money. Refuses to resubmit what may have been taken, to call a task
ended on anything but a documented word, and to charge more than what is held.
"""
