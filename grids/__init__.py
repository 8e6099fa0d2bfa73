"""Grids of trainings: many cells, on one machine or many, by one command that goes on."""
