"""Concert E+ (Telium terminals, serial) and Caisse-AP (Concert V3 over IP): the links of French tills.

A till asks for a payment and the terminal answers. There is nothing else to ask, so these
terminals are listened to and never asked by us.
"""
