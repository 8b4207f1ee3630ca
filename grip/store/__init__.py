"""All SQL of grip: tables, engines, one file of functions per noun, and the batched hot path.

Knows no rule of business beyond what a constraint can hold; rows do not leave this room.
"""
