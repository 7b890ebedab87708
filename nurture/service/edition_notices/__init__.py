"""The owner sees each edition before it leaves: the notice, and the word about it."""
