"""Reads an HdrHistogram interval log with the library of the HdrHistogram project and prints, as JSON, the count and
the 99th percentile of each tag, summed over the log."""

import json
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

LOWEST, HIGHEST, DIGITS = 1, 130_000_000, 3

sums = {}
reader = HistogramLogReader(sys.argv[1], HdrHistogram(LOWEST, HIGHEST, DIGITS))
while (interval := reader.get_next_interval_histogram()) is not None:
    tag = interval.get_tag() or ""
    sums.setdefault(tag, HdrHistogram(LOWEST, HIGHEST, DIGITS)).add(interval)

print(json.dumps({tag: [h.get_total_count(), h.get_value_at_percentile(99)] for tag, h in sums.items()}))
