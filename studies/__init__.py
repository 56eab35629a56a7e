"""What was tried: the SQL store, its records, its migrations and a study's identity.

`store.StudyStore` is the way in. What may be tried lives in `spaces`, how it is tried in `search`.
"""
