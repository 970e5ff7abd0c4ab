-- Run once, when PostgreSQL's volume is empty: the database of cases.url in fleet.toml.
CREATE DATABASE cases;
