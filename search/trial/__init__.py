"""One trial: its configuration, its Trainer, its evaluations and its end."""
