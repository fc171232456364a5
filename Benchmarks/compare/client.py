"""The Redis client against redis-benchmark: the same command, payload and callers, client and server on one core"""

from workplace import free_port

GOALS = {"append": {1: 0.95, 16: 2.0, 64: 2.6}, "xadd": {1: 0.87, 16: 2.6, 64: 4.8}, "lrange": {1: 0.93, 64: 1.25}}
COUNTS = {"append": (20_000, 60_000), "xadd": (20_000, 60_000), "lrange": (10_000, 30_000)}
PAYLOAD = "x" * 496


def measure(table, place):
    names = [f"{command}, {callers} callers" for command, goals in GOALS.items() for callers in goals]
    extra = ["append over TLS, 64 callers", "append, 64 callers: processor time", "append, 64 callers: p99", "append, 256 callers: resident MB"]
    ceilings = ["xadd, 64 callers, of the server's own limit", "append, 64 callers, of the server's own limit"]
    if not table.wants(*names, *extra, *ceilings) and not table.lists:
        return
    if table.lists:
        prepare = lambda: (None,) * 4  # noqa: E731
    else:
        prepare = lambda: start(place)  # noqa: E731
    port, tls, digest, program = prepare()
    words = {
        "append": ["EVALSHA", digest, 2, "{s__rand_int__}:l", "{s__rand_int__}:h", PAYLOAD, 1700000000000, "abc", 86400],
        "xadd": ["XADD", "{s__rand_int__}:x", "MAXLEN", "~", 200, "*", "d", PAYLOAD],
        "lrange": ["LRANGE", "{s__rand_int__}:l", -50, -1],
    }

    def ours(command, callers, count, address=None):
        return place.numbers([program, "redis", address or f"redis://127.0.0.1:{port}", command, callers, count], pinned=True)

    for command, goals in GOALS.items():
        for callers, goal in goals.items():
            count = COUNTS[command][callers > 1]
            table.compare(
                f"{command}, {callers} callers", goal, lambda: ours(command, callers, count)[0],
                lambda: place.benchmark(port, callers, count, *words[command])[0])
    # How much of what the server can do at all is left to gain: commands in batches of 64 on one connection.
    for command in ("xadd", "append"):
        table.compare(
            f"{command}, 64 callers, of the server's own limit", None, lambda: ours(command, 64, 60_000)[0],
            lambda: place.benchmark(port, 1, 60_000, *words[command], options=("-P", 64))[0])
    table.compare(
        extra[0], 2.5, lambda: ours("append", 64, 40_000, f"rediss://localhost:{tls}?tls_ca={place.directory}/cert")[0],
        lambda: place.benchmark(tls, 64, 40_000, *words["append"], options=("--tls", "--cacert", place.directory / "cert"))[0])
    table.compare(
        extra[1], 0.2, lambda: ours("append", 64, 60_000)[3], lambda: place.benchmark(port, 64, 60_000, *words["append"])[2], least=False, unit=" µs")
    table.compare(
        extra[2], 0.5, lambda: ours("append", 64, 60_000)[2], lambda: place.benchmark(port, 64, 60_000, *words["append"])[1], least=False, unit=" µs")
    if table.lists or table.wants(extra[3]):
        table.add(extra[3], 25, [] if table.lists else [ours("append", 256, 60_000)[4] / 1024], least=False, unit=" MB")


def start(place):
    program = place.program("BatonBenchmarks")
    place.run([
        place.tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-keyout", "key", "-out", "cert", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ])
    tls = free_port()
    port = place.redis("--tls-port", tls, "--tls-cert-file", "cert", "--tls-key-file", "key", "--tls-auth-clients", "no")
    return port, tls, place.run([program, "redis", f"redis://127.0.0.1:{port}", "prepare"]).strip().splitlines()[-1], program
