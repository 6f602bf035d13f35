# SPDX-License-Identifier: GPL-2.0
"""kspan's books, and its heaps by cache, as the text that Prometheus scrapes."""
import pprof
from pprof import PERIOD, SAMPLE, STRING_TABLE, decode, integer, integers

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# What a file stats says of now; all else in it only grows.
GAUGES = ("pages", "buckets", "specials", "span_bytes", "pagemap_bytes", "special_bytes",
          "bucket_bytes", "symbol_bytes", "guard_bytes", "metadata_bytes", "enabled", "live_samples",
          "live_bytes")

# metric, of which column of caches, help
CACHES = (
    ("inuse_objects", "in_use", "Objects of a cache of kspan that are in use."),
    ("capacity_objects", "objects", "Objects that fit into a cache's pages."),
    ("spans", "spans", "Spans of a cache."),
    ("pages", "pages", "Pages of a cache."),
    ("memory_bytes", "memory_bytes", "Memory of a cache's pages."),
    ("waste_bytes", "waste_bytes", "What of it is no object in use."),
)
# metric, type, which of the sample types, help
HEAPS = (
    ("alloc_objects_total", "counter", "alloc_objects",
     "Objects allocated since the profile was last reset, estimated from samples."),
    ("alloc_bytes_total", "counter", "alloc_space",
     "Bytes allocated since the profile was last reset, estimated from samples."),
    ("inuse_objects", "gauge", "inuse_objects", "Objects in use, estimated from samples."),
    ("inuse_bytes", "gauge", "inuse_space", "Bytes in use, estimated from samples."),
)


def escape(value):
    """A label's value, between quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Text:
    """Metrics, each of which is described once and whose samples stand together."""

    def __init__(self):
        self.metrics = {}

    def add(self, name, kind, about, value, **labels):
        """A sample; those with the same labels are one, their sum."""
        rows = self.metrics.setdefault(name, (kind, about, {}))[2]
        labels = ",".join('%s="%s"' % (label, escape(text)) for label, text in labels.items())
        rows[labels] = rows.get(labels, 0) + value

    def encode(self):
        """As it is sent."""
        lines = []
        for name, (kind, about, rows) in self.metrics.items():
            lines += ["# HELP %s %s" % (name, about), "# TYPE %s %s" % (name, kind)]
            lines += ["%s{%s} %d" % (name, labels, value) if labels else "%s %d" % (name, value)
                      for labels, value in rows.items()]
        return ("\n".join(lines) + "\n").encode()


def by_cache(data):
    """(sample types, cache -> their values, number of stacks, period) of a profile. Not by way of
    pprof.Profile: this is asked for all the time, and needs no name of a function."""
    try:
        return sums_by_cache(decode(data))
    except (LookupError, TypeError, UnicodeError) as error:
        raise pprof.Malformed("it has not what a heap has") from error


def sums_by_cache(message):
    """The same, of what is decoded."""
    strings = message[STRING_TABLE]
    types = [strings[integer(decode(m), 1)].decode() for m in message.get(1, ())]
    label = strings.index(b"cache") if b"cache" in strings else None
    sums = {}
    for m in map(decode, message.get(SAMPLE, ())):
        cache = 0
        for pair in map(decode, m.get(3, ())):
            if integer(pair, 1) == label:
                cache = integer(pair, 2)
        values = list(integers(m, 2))
        if len(values) != len(types):
            raise pprof.Malformed("a sample of what is not there")
        sums[cache] = list(map(sum, zip(sums[cache], values))) if cache in sums else values
    return types, {strings[cache].decode(errors="replace"): values
                   for cache, values in sums.items()}, len(message.get(SAMPLE, ())), \
        integer(message, PERIOD)


def add_caches(text, rows):
    """The file caches, without those that have no memory: most never have. Two may have one name:
    their sum is shown."""
    rows = [row for row in rows if row["pages"] or row["in_use"]]
    for metric, column, about in CACHES:
        for row in rows:
            text.add("kspan_cache_" + metric, "gauge", about, row[column], cache=row["name"])


def add_stats(text, source, stats):
    """A file stats."""
    for name, value in stats.items():
        kind = "gauge" if name in GAUGES else "counter"
        text.add("kspan_%s%s" % (name, "_total" if kind == "counter" else ""), kind,
                 "Of the file stats: %s." % name, value, source=source)


def add_heap(text, source, data):
    """A heap's profile, by cache."""
    types, caches, stacks, rate = by_cache(data)
    if not {name for _, _, name, _ in HEAPS} <= set(types):
        raise pprof.Malformed("no heap profile, it has " + ", ".join(types))
    for metric, kind, name, about in HEAPS:
        for cache, values in caches.items():
            text.add("kspan_heap_" + metric, kind, about, values[types.index(name)],
                     source=source, cache=cache)
    text.add("kspan_heap_stacks", "gauge", "Call stacks with samples.", stacks, source=source)
    text.add("kspan_heap_sample_bytes", "gauge", "Mean bytes between two samples; 0 is off.", rate,
             source=source)
