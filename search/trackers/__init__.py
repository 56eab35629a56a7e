"""Experiment trackers that are told of each trial."""
