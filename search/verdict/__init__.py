"""What came out of a search, and how far it can be believed."""
