"""The same check on Spark: life cycles and rules from the same SQL, on as many machines as there are."""
