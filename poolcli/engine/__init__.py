"""The loops. This package alone imports Numba, and nothing imports it before the first picture is at hand."""
