"""What the links between a till and a terminal of several acquirers have in common.

The frame (``link``) is one: STX, length, data, ETX, LRC; what the length counts is the
profile's. So is the way values are written (``tlv``): a tag of two bytes, a length, a value.
"""
