"""The link of Ingenico terminals (银捷) at Bank of China's tills: TLV of tags DFxx inside STX, length, ETX, LRC.

Framing and tags as docs/protocols-ecr.md tells them. A frame is a command (DF01 00), a result
(02), or a message to or from the acquirer's host that passes through the till (01).
"""
