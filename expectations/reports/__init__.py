"""What a week or a month came to: `figures` counts, `letter` says it to a shop, `fleet` to those who look after many.

The same letters are mails and, by ``tillwatch report``, pages.
"""
