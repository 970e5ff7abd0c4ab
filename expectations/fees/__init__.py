"""Fees: what a contract makes of an amount, and where a rate changed although nobody said so.

Pure: integers in, integers out. Amounts and fees are fen, rates are millionths (0.38 % = 3800).
"""
