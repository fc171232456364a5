"""The embedded store against the SQLite sessions of OpenAI Agents and of Google's ADK, and against itself"""

import re

SQLITE = '''
import asyncio, os, sys, time
from agents import SQLiteSession

path, mode, operations = sys.argv[1], sys.argv[2], int(sys.argv[3])
item = {"role": "user", "content": "The quick brown fox. " * 22}


async def main():
    session = SQLiteSession("s", path)
    await session.add_items([item] * 200)
    start = time.perf_counter()
    for _ in range(operations):
        if mode == "add":
            await session.add_items([item])
        else:
            assert len(await session.get_items(50)) == 50
    print(operations / (time.perf_counter() - start))


asyncio.run(main())
os.unlink(path)
'''

ADK = '''
import asyncio, os, sys, time
from google.adk.events import Event
from google.adk.sessions import DatabaseSessionService
from google.genai import types

path, operations = sys.argv[1], int(sys.argv[2])


async def main():
    service = DatabaseSessionService(db_url=f"sqlite+aiosqlite:///{path}")
    session = await service.create_session(app_name="a", user_id="u")

    async def add():
        content = types.Content(role="user", parts=[types.Part(text="The quick brown fox. " * 22)])
        await service.append_event(session, Event(author="user", content=content))

    for _ in range(50):
        await add()
    start = time.perf_counter()
    for _ in range(operations):
        await add()
    print(operations / (time.perf_counter() - start))


asyncio.run(main())
os.unlink(path)
'''


def measure(table, place):
    peers = {"append, 1 caller, SQLiteSession": 2000, "read the last 50, 1 caller, SQLiteSession": 2000, "append, 1 caller, ADK DatabaseSessionService": 300}
    gains = {"full": 5, "normal": 2.5}
    names = [f"64 callers for each of 1, durability {durability}" for durability in gains]
    flat = [f"{what} of 10⁶ events to 10" for what in ("append", "last 50")]
    if not table.lists and not table.wants(*peers, *names, *flat):
        return
    if table.lists:
        for name in [*peers]:
            table.compare(name, None, None, None)
        for name, goal in zip(names, gains.values()):
            table.compare(name, goal, None, None)
        for name in flat:
            table.compare(name, 1.3, None, None, least=False)
        return
    program = place.program("BatonBenchmarks")
    text = place.run([program, "sqlite", place.directory], seconds=600)
    rates = {
        (durability, int(callers)): float(rate)
        for durability, callers, rate in re.findall(r"^(\w+), (\d+) callers: (\d+) appends/s", text, re.M)
    }
    lengths = [
        tuple(float(number) for number in match)
        for match in re.findall(r"^(\d+) events: append ([\d.]+) µs .*?last 50 ([\d.]+) µs", text, re.M)
    ]
    for name, durability, goal in zip(names, gains, gains.values()):
        if (durability, 1) in rates:
            table.add(
                name, goal, [rates[durability, 64] / rates[durability, 1]],
                detail=f"{rates[durability, 64]:,.0f}/s against {rates[durability, 1]:,.0f}/s")
    if lengths:
        for index, name in enumerate(flat, 1):
            table.add(name, 1.3, [lengths[-1][index] / lengths[0][index]], least=False, detail=f"{lengths[-1][index]} µs against {lengths[0][index]} µs")
            table.curve(f"SQLite: {name.split(' of ')[0]}, by events in the session", "µs", [(row[0], row[index]) for row in lengths])
    own = {"append": rates.get(("normal", 1), 0), "read": 1e6 / lengths[0][2] if lengths else 0}
    for name, operations in peers.items():
        if not table.wants(name):
            continue
        isADK = "ADK" in name
        python = place.python(*(["google-adk", "sqlalchemy", "aiosqlite"] if isADK else ["openai-agents[redis]"]))
        script = place.directory / ("peer_adk.py" if isADK else "peer_sqlite.py")
        script.write_text(ADK if isADK else SQLITE)
        words = [operations] if isADK else ["add" if name.startswith("append") else "get", operations]
        table.compare(
            name, None, lambda: own["append" if name.startswith("append") else "read"],
            lambda: place.numbers([python, script, place.directory / "peer.db", *words])[0])
