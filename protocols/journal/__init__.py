"""Journals: what a terminal kept of its transactions, record by record.

``layout`` declares fixed records; ``pos_log``, ``trans_record`` and ``t_water`` are the
three formats known, ``formats`` names them; ``evidence`` finds a file's layout,
``sanitise`` makes a record safe to keep, ``kept`` is the form it rests in.
"""
