"""The works, a group a file. Each has a function `rows`."""

RGB = (4000, 6000, 3)
GREY = (4000, 6000, 1)
SMALL = (2000, 3000, 3)
MAPS = (16, 112, 112, 64)
