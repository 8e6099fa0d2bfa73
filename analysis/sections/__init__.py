"""Sections of the report, a file each; `analysis.report` puts them in order."""
