"""Searches a brain's numbers: studies of Optuna whose trials are trainings of train.py."""
