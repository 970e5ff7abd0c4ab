"""External signature pads: the link between a payment terminal and the pad its customer signs on.

The pad answers the terminal; tillwatch listens or relays, and never asks: a pad that is asked
shows a customer something to sign.
"""
