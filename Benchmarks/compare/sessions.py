"""Sessions in Redis against what agents use today, on one server: the SDK of OpenAI Agents, LangChain's history, redis-benchmark"""

import time

from workplace import Failed, free_port, wait_for

TEXT = "The quick brown fox. " * 22

OPENAI = '''
import asyncio, sys, time
import redis.asyncio
from agents.extensions.memory import RedisSession

url, mode, callers, operations = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
count = 1000
item = {"role": "user", "content": "The quick brown fox. " * 22}


async def main():
    client = redis.asyncio.from_url(url)
    sessions = [RedisSession(f"s{n:012}", redis_client=client, key_prefix="sdk", ttl=3600) for n in range(count)]
    if mode == "prepare":
        for session in sessions:
            await session.add_items([item] * 200)
        return

    async def run(caller, number, times):
        for index in range(number):
            session = sessions[0 if mode == "crowd" else (caller * 7919 + index * 31) % count]
            start = time.perf_counter()
            if mode in ("add", "crowd"):
                await session.add_items([item])
            else:
                assert len(await session.get_items(50)) == 50
            times.append(time.perf_counter() - start)

    async def round(number):
        times = []
        await asyncio.gather(*(run(caller, max(1, number // callers), times) for caller in range(callers)))
        return times

    await round(min(operations, 500))
    start = time.perf_counter()
    times = await round(operations)
    print(len(times) / (time.perf_counter() - start))


asyncio.run(main())
'''

LANGCHAIN = '''
import sys, time
from langchain_community.chat_message_histories import RedisChatMessageHistory

url, mode, operations = sys.argv[1], sys.argv[2], int(sys.argv[3])
text = "The quick brown fox. " * 22
histories = [RedisChatMessageHistory(f"l{n}", url=url, ttl=3600) for n in range(20)]
for history in histories:
    if not history.messages:
        for _ in range(50):
            history.add_user_message(text)
start = time.perf_counter()
for index in range(operations):
    history = histories[index % len(histories)]
    if mode == "add":
        history.add_user_message(text)
    else:
        assert len(history.messages) >= 50
print(operations / (time.perf_counter() - start))
'''

# A path through the network that takes so long: bytes go on late, in order, without being counted.
DELAY = '''
import asyncio, sys

port, target, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000


async def pump(reader, writer):
    queue = asyncio.Queue()

    async def deliver():
        loop = asyncio.get_running_loop()
        while True:
            moment, data = await queue.get()
            if moment > loop.time():
                await asyncio.sleep(moment - loop.time())
            if not data:
                return writer.close()
            writer.write(data)

    task = asyncio.create_task(deliver())
    while True:
        data = await reader.read(1 << 16)
        queue.put_nowait((asyncio.get_running_loop().time() + delay / 2, data))
        if not data:
            return await task


async def accept(reader, writer):
    other_reader, other_writer = await asyncio.open_connection("127.0.0.1", target)
    await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer), return_exceptions=True)


async def main():
    async with await asyncio.start_server(accept, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
'''


def measure(table, place):
    if table.lists:
        return rows(table, None, *[lambda *_, **__: None] * 6)
    program, daemon = place.program("BatonBenchmarks"), place.program("baton")
    python = place.python("openai-agents[redis]", "hiredis")
    port = place.redis()
    url = f"redis://127.0.0.1:{port}"
    (place.directory / "peer_openai.py").write_text(OPENAI)
    prefix = place.run([program, "redis-store", url, "prepare"], pinned=True).strip()
    place.run([python, "peer_openai.py", url, "prepare", 1, 1], pinned=True)

    def ours(mode, callers, count, address=url):
        return place.numbers([program, "redis-store", address, mode, callers, count], pinned=True)[0]

    def theirs(mode, callers, count, address=url):
        return place.numbers([python, "peer_openai.py", address, mode, callers, count], pinned=True)[0]

    def bare(callers, count):
        return place.benchmark(port, callers, count, "XREVRANGE", f"{prefix}__rand_int__:e", "+", "-", "COUNT", 50)[0]

    def crowd(mode, callers, count):
        # This empties the server, so it has one of its own.
        return float(place.run([program, "redis-store", crowd.url, mode, callers, count], pinned=True).split()[0])

    crowd.url = f"redis://127.0.0.1:{place.redis()}"
    rows(table, place, ours, theirs, bare, crowd, lambda: serve(place, daemon, url), lambda: slow(place, port))
    langchain(table, place, url, ours)


def rows(table, place, ours, theirs, bare, crowd, serve, slow):
    for callers, goal in {1: 12, 16: 30, 64: 40}.items():
        table.compare(
            f"append one event, {callers} callers, RedisSession", goal, lambda: ours("add", callers, 15_000 if callers == 1 else 40_000),
            lambda: theirs("add", callers, 1500))
    for callers in (1, 16, 64):
        table.compare(
            f"get 50 events decoded, {callers} callers, RedisSession", 1.7, lambda: ours("decode50", callers, 4000 if callers == 1 else 8000),
            lambda: theirs("get", callers, 3000))
    table.compare("get 50 events, 64 callers, XREVRANGE", 0.8, lambda: ours("get50", 64, 20_000), lambda: bare(64, 20_000))
    for callers in (1, 4, 16, 64):
        table.compare(
            f"one session, {callers} writers append, RedisSession", 5 if callers == 64 else None, lambda: crowd("crowd", callers, 12_800),
            lambda: theirs("crowd", callers, 1280))
    table.compare("one session, 64 workers take turns, RedisSession", None, lambda: crowd("turns", 64, 6400), lambda: theirs("crowd", 64, 1280))
    name = "append over HTTP, 64 connections, library"
    if table.lists or table.wants(name):
        url, stop = serve() or (None, None)
        table.compare(name, 0.5, lambda: ours("http", 64, 20_000, url), lambda: ours("add", 64, 40_000))
        if stop:
            stop()
    names = {delay: f"append one event, 1 caller, {delay} ms of network, RedisSession" for delay in (0.5, 2)}
    if table.lists or table.wants(*names.values()):
        addresses, stop = slow() or ({}, None)
        for delay, name in names.items():
            table.compare(
                name, None, lambda: ours("add", 1, 500, addresses[delay]), lambda: theirs("add", 1, 100, addresses[delay]))
        if stop:
            stop()
    if table.lists:
        for what in ("append", "read 50 of 50"):
            table.compare(f"{what}, 1 caller, LangChain", None, None, None)


def langchain(table, place, url, ours):
    names = [f"{what}, 1 caller, LangChain" for what in ("append", "read 50 of 50")]
    if not table.wants(*names):
        return
    python = place.python("langchain-community", "redis")
    (place.directory / "peer_langchain.py").write_text(LANGCHAIN)
    table.compare(
        names[0], None, lambda: ours("add", 1, 15_000), lambda: place.numbers([python, "peer_langchain.py", url, "add", 3000], pinned=True)[0])
    place.run(["redis-cli", "-u", url, "FLUSHALL"])
    place.run([place.program("BatonBenchmarks"), "redis-store", url, "prepare"], pinned=True)
    table.compare(
        names[1], None, lambda: ours("decode50", 1, 4000), lambda: place.numbers([python, "peer_langchain.py", url, "get", 1000], pinned=True)[0])


def serve(place, daemon, url):
    address = place.directory / f"url-{time.monotonic_ns()}"
    with open(address, "w") as file:
        process = place.start(
            ["sh", "-c", 'exec "$0" "$@" 3>&1 >/dev/null 2>&1', daemon, "serve", "--store", url, "--session-ttl", "1h", "--listen", "127.0.0.1:0",
             "--log-level", "warning", "--ready-fd", "3"], pinned=True, stdout=file)
    while not address.read_text().strip():
        if process.poll() is not None:
            raise Failed("the daemon did not start")
        time.sleep(0.05)
    return address.read_text().split()[0], lambda: place.stop(process)


def slow(place, port):
    (place.directory / "delay_path.py").write_text(DELAY)
    addresses, processes = {}, []
    for delay in (0.5, 2):
        own = free_port()
        processes.append(place.start(["python3", "delay_path.py", own, port, delay]))
        wait_for(own)
        addresses[delay] = f"redis://127.0.0.1:{own}"

    def stop():
        for process in processes:
            place.stop(process)

    return addresses, stop
