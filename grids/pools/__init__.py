"""Places that run the cells of a grid: each a file here and a file in conf/hydra/launcher."""
