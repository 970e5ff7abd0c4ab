"""What Windows does otherwise. Imported there alone; docs/windows.md says what of it has been run."""
