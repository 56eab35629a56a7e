"""The store in optuna-dashboard: our rows, shown in Optuna's words, and nothing that could be written.

The road: `server` listens, `gate` lets through what only looks, optuna-dashboard asks `storage`, which answers from our
rows with `trials`, `notes` and `artifacts`. The command is `..command_dashboard`.
"""
