"""The loops. This package alone imports Numba, and nothing imports it before the first image is at hand."""
