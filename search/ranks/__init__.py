"""Several processes that train one trial together: what they tell one another, and who starts and buries them."""
