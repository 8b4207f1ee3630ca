"""Payment providers: one adapter each, behind one port.

Owns what is said to a provider, what its words mean, and whether it was the provider who said them.
Refuses to know orders, wallets and the database: facts go out, and others decide.
"""
