"""Cases: findings about the same money, followed until it is back.

`states` says what may follow what, `schema` and `migrations` what the database holds, `database`
how two writers share it, `book` what is done with a case, `recovery` when the money is back.
"""
