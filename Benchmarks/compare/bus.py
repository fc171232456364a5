"""The event bus on Redis against redis-benchmark's XADD and redis-py's XREADGROUP and XACK"""

import re


def measure(table, place):
    publish, consume = "publish, 64 callers, XADD", ["receive and acknowledge 32, {} consumers, redis-py".format(count) for count in (1, 4)]
    if table.lists:
        table.compare(publish, 2, None, None)
        for name in consume:
            table.compare(name, 1.5, None, None)
        return
    if not table.wants(publish, *consume):
        return
    program = place.program("BatonBenchmarks")
    port = place.redis()
    if table.wants(publish):
        values, detail = ratios(place.run([program, "redis-topics", port, "publish", 64, 100_000]))
        table.add(publish, 2, values[64], detail=detail[64])
    if table.wants(*consume):
        python = place.python("redis", "hiredis")
        values, detail = ratios(place.run([program, "redis-topics", port, "consume", 60_000, python]))
        for count, name in zip((1, 4), consume):
            table.add(name, 1.5, values[count], detail=detail[count])


def ratios(text):
    """Ratios by the number of callers, and the last rates."""
    values, detail = {}, {}
    for callers, own, other, ratio in re.findall(r"(\d+) (?:callers|consumers)[^:]*: (\d+) a second, the other (\d+), ratio ([\d.]+)", text):
        values.setdefault(int(callers), []).append(float(ratio))
        detail[int(callers)] = f"{int(own):,}/s against {int(other):,}/s"
    return values, detail
