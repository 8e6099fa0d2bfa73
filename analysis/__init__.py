"""Looks at runs and never trains: statistics, films, comparisons."""
