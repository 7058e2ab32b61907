"""Where the windows are that one call computes: names of the entries of `place` and of each row of `taps`."""

# What the loop tells an operator about a row of windows: entries of `place`.
ROW, COLUMN, STRIDE, PLANE, WIDTH, DIVISOR, LANES, COUNT, CHANNELS, SIZE, OUT, LINE, FIRST, PIXELS, SLOT = range(15)
# What it tells about a tap: entries of a row of `taps`.
SOURCE, START, TAP_ROW, TAP_COLUMN, WEIGHT = range(5)
