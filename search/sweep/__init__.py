"""Scheduled sweeps: many studies, compared with their own history."""
