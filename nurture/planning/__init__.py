"""What is due, for whom, and when: pure decisions, and one module that meets the store."""
