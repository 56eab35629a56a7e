"""Data: files and hub data sets, their labels and tokens, the parts that a trial sees."""
