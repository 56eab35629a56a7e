"""What the next trial tries."""
