"""Families of pools: the mathematics of each, one file a family."""
