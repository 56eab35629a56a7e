"""The history of the schema, run by `studies/schema.py`; the present is in `studies/tables.py`."""
