"""HTTP against FastAPI on uvicorn: the same answers, one connection of 64 each"""

import time

from workplace import Failed, free_port, wait_for

APPLICATION = '''
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.get("/healthz")
async def healthz():
    return Response(b"ok", media_type="text/plain")


@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body())
'''


def measure(table, place):
    names = [f"{what} against uvicorn" for what in ("GET /healthz", "POST /echo of 1 KB")]
    cold = "start of the daemon against uvicorn's, time"
    resident = "resident memory of an idle daemon"
    if table.lists:
        for name in names:
            table.compare(name, 8, None, None)
        table.compare(cold, None, None, None, least=False)
        table.compare(resident, 25, None, None, least=False)
        return
    if not table.wants(*names, cold, resident):
        return
    python = place.python("uvicorn[standard]", "fastapi")
    (place.directory / "app.py").write_text(APPLICATION)
    (place.directory / "echo.lua").write_text('wrk.method = "POST"\nwrk.body = string.rep("a", 1024)\n')

    def uvicorn(port):
        return place.start([python, "-m", "uvicorn", "app:app", "--port", port, "--log-level", "error", "--no-access-log"], pinned=True)

    def daemon(port):
        return place.start(
            [place.program("baton"), "serve", "--store", "sqlite::memory:", "--listen", f"127.0.0.1:{port}", "--log-level", "error"], pinned=True)

    def started(make):
        port, began = free_port(), time.perf_counter()
        process = make(port)
        wait_for(port)
        elapsed = time.perf_counter() - began
        memory = next(int(line.split()[1]) for line in open(f"/proc/{process.pid}/status") if line.startswith("VmRSS"))
        place.stop(process)
        return elapsed * 1000, memory / 1024

    table.compare(cold, None, lambda: started(daemon)[0], lambda: started(uvicorn)[0], least=False, unit=" ms")
    if table.wants(resident):
        table.add(resident, 25, [started(daemon)[1]], least=False, unit=" MB")
    if not table.wants(*names):
        return
    place.tool("wrk")
    ports = free_port(), free_port()
    place.start([place.program("BatonBenchmarks"), "http", "serve", ports[0]], pinned=True, stdout=-3)
    uvicorn(ports[1])
    for port in ports:
        wait_for(port)

    def rate(port, path):
        words = ["wrk", "-t1", "-c64", "-d3s", *(["-s", "echo.lua"] if path == "/echo" else []), f"http://127.0.0.1:{port}{path}"]
        # The load comes from the other core.
        text = place.run(words, pinned=True, core="1")
        if "Non-2xx" in text:
            raise Failed(text)
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("Requests/sec"))

    for name, path in zip(names, ("/healthz", "/echo")):
        table.compare(name, 8, lambda: rate(ports[0], path), lambda: rate(ports[1], path))
