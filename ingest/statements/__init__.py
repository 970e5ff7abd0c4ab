"""Statements: what an acquirer says happened, from its files into the tables.

A layout (TOML) says where a file keeps what; a file is taken whole or not at all.
"""
