"""The arithmetic of money and limits: pure functions over integers.

Standard library only; no clock, no log, no database. What is decided here is carried out in
`store` and called by `gateway` and `services`.
"""
