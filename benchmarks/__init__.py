"""The same work done by poolcli and by its peers, checked, timed in turns, and compared: `python -m benchmarks`."""
