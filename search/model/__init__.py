"""What is trained: a model by name, its adapters, its number format."""
