"""From findings to a mail that a shop can act on.

findings -> `cases` (what belongs together) -> `decide` (who is told what, now) ->
`compose` (blocks) -> `text` and `html` (two renderers of the same blocks) ->
`message` (the mail) -> `deliver` (SMTP), with `ledger` remembering who was told.
"""
