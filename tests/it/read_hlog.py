"""Reads an HdrHistogram interval log with the library of the HdrHistogram project and prints, as JSON, the count and
the 99th percentile of each tag, summed over the log: the value of rank ceil(0.99 n). The library itself rounds the rank
to the nearest, which differs in small samples, so that it is asked for the rank."""

import json
import math
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

LOWEST, HIGHEST, DIGITS = 1, 130_000_000, 3

sums = {}
reader = HistogramLogReader(sys.argv[1], HdrHistogram(LOWEST, HIGHEST, DIGITS))
while (interval := reader.get_next_interval_histogram()) is not None:
    tag = interval.get_tag() or ""
    sums.setdefault(tag, HdrHistogram(LOWEST, HIGHEST, DIGITS)).add(interval)



def figures(histogram):
    count = histogram.get_total_count()
    rank = math.ceil(0.99 * count)
    return count, histogram.get_value_at_percentile(100 * rank / count)


print(json.dumps({tag: figures(histogram) for tag, histogram in sums.items()}))
