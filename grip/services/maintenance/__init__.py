"""What looks after the books and the tables over years; each step in a file of its own.

`jobs/maintenance.py` says which steps there are, and in which order they run.
"""
