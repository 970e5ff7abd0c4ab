"""Landing on Spark."""
