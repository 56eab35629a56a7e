"""Trainers that are none of transformers', such as SetFit's, searched by a small protocol that others may implement.

What is to be implemented is `protocol`, for which classes it has been is `table`; `driven` looks to the loop over
trials as a Trainer of transformers does, and `protocol_making` makes one for each trial.
"""
