"""ZVT: the protocol between till (ECR) and payment terminal (PT) of the German-speaking countries.

Application PA00P015 rev 13.08, transport PA00P016 rev 04, as docs/protocols-ecr.md tells them.
"""
