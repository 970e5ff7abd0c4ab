"""Expectation suites: the thin wall between our laws and Great Expectations.

``ge`` is the one module that knows the library; ``tables`` declares what must hold of the
decoded tables themselves. A law that could not be judged is never a law that was broken.
"""
