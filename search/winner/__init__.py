"""What becomes of the best trial: a model folder with its card, published, predicting."""
