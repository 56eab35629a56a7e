"""What users bring: a function that makes a Trainer, a model or metrics, found by its name and called with care."""
