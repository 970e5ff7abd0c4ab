"""Simulated terminals, their acquirer's host, and the lines between them.

The machines are sans-io: no clock, no sockets, no randomness but the seed's. A
scenario says what each terminal does, what the host does wrong, and what is
true; the wires put it on pseudo-terminals. Card numbers are computed test
numbers; no key and no real card is in here.
"""
