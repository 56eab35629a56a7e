"""The stock call, `trainer.hyperparameter_search(...)`, with its own arguments, and a study of ours behind it."""
