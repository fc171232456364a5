"""Whether anything gets slower or larger as it grows"""

import re


def measure(table, place):
    memory = {sessions: f"bytes a session of {sessions} events on Redis, above the bodies" for sessions in (4, 20, 100)}
    fence = "append with epoch and expected seq to a plain one, server time"
    fork = "read of three generations of forks to a plain one"
    if table.lists:
        table.compare(fence, 1.15, None, None, least=False)
        table.compare(fork, 1.5, None, None, least=False)
        for name in memory.values():
            table.compare(name, None, None, None, least=False)
        return
    program = place.program("BatonBenchmarks")
    if table.wants(fence, fork, *memory.values()):
        address = f"redis://127.0.0.1:{place.redis()}"
        if table.wants(fence):
            text = place.run([program, "redis-store", address, "fence"])
            table.add(fence, 1.15, [float(number) for number in re.findall(r"ratio ([\d.]+)", text)], least=False)
        if table.wants(fork):
            text = place.run([program, "branches", address, 20_000])
            found = re.search(r"^page of 100: .*: ([\d.]+)$", text, re.M)
            table.add(fork, 1.5, [float(found[1])] if found else [], least=False)
        points = []
        for events, name in memory.items():
            if not table.wants(name):
                continue
            text = place.run([program, "redis-store", address, "memory", 1000, events])
            sizes = [(line.split(":")[0], int(re.search(r"of that (-?\d+) above", line)[1])) for line in text.splitlines() if "above the bodies" in line]
            points.append((events, sizes[0][1]))
            table.add(name, None, [sizes[0][1]], least=False, detail="; ".join(f"{layout} {size:,}" for layout, size in sizes[1:]))
        table.curve("Redis: memory of a session above its bodies, by events", "bytes", points)
