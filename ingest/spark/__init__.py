"""Landing on Spark, and the session that checks use as well."""
