"""Cases: findings about the same money, followed until it is back.

`states` says what may follow what, `schema` and `migrations` what the database holds, `database`
how two writers share it, `record` what a case is, `rows` how its rows are read and moved on,
`joining` which findings make which case, `book` what is done with a case, `recovery` when the
money is back.
"""
