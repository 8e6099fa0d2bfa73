"""Gymnasium's v5 MuJoCo tasks over whole batches, equal to the originals bit for bit."""
