"""What measuring needs: servers, programs, other people's packages. All of it goes away at the end."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path


class Unavailable(Exception):
    """Something cannot be measured on this machine."""


class Failed(Exception):
    """A program that takes part did not do what it should."""


class Workplace:
    def __init__(self, root):
        self.root = root
        self.directory = Path(tempfile.mkdtemp(prefix="baton-bench-"))
        self.processes = []
        # Server and client on one core, where nothing depends on which of two sleeping cores wakes up first.
        self.core = "0"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def program(self, name):
        """A product of this package, as `swift build -c release` leaves it."""
        path = self.root / ".build/release" / name
        if not path.exists():
            raise Unavailable(f"build it first: swift build -c release --product {name}")
        return str(path)

    def tool(self, name):
        if not shutil.which(name):
            raise Unavailable(f"{name} is not installed")
        return name

    def python(self, *packages):
        """An interpreter that has these packages; each set has a place of its own, so that they need not agree."""
        names = [package.split("[")[0] for package in packages]
        home = Path(os.environ.get("BATON_BENCH_PYTHON", self.root / ".build/bench")) / f"python-{names[0]}"
        interpreter = str(home / "bin/python")
        try:
            if not Path(interpreter).exists():
                self.run(["python3", "-m", "venv", home])
            if subprocess.run([interpreter, "-m", "pip", "show", "-q", *names], capture_output=True).returncode:
                print(f"  installing {', '.join(packages)}", flush=True)
                self.run([interpreter, "-m", "pip", "install", "-q", *packages], seconds=600)
        except (Failed, subprocess.TimeoutExpired, OSError) as error:
            raise Unavailable(f"{', '.join(packages)} could not be installed") from error
        return interpreter

    def run(self, words, seconds=300, pinned=False, core=None):
        """What a program prints."""
        words = [str(word) for word in words]
        if pinned:
            words = ["taskset", "-c", core or self.core] + words
        answer = subprocess.run(words, capture_output=True, text=True, timeout=seconds, cwd=self.directory)
        if answer.returncode:
            raise Failed(f"{' '.join(words)[:200]}: exit {answer.returncode}\n{answer.stderr[-2000:]}")
        return answer.stdout

    def numbers(self, words, **how):
        """The numbers of the last line that a program prints."""
        return [float(word) for word in self.run(words, **how).strip().splitlines()[-1].split()]

    def start(self, words, pinned=False, core=None, **how):
        words = [str(word) for word in words]
        if pinned:
            words = ["taskset", "-c", core or self.core] + words
        process = subprocess.Popen(words, cwd=self.directory, **how)
        self.processes.append(process)
        return process

    def stop(self, process):
        process.terminate()
        process.wait(20)
        self.processes.remove(process)

    def redis(self, *options):
        """The port of a fresh server that keeps nothing."""
        port = free_port()
        log = open(self.directory / f"redis-{port}.log", "w")
        self.start(
            [self.tool("redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", self.directory, *options],
            pinned=True, stdout=log, stderr=log)
        wait_for(port)
        return port

    def processor_time(self, process):
        """Seconds of processor time that a process has used."""
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def benchmark(self, port, callers, count, *words, options=()):
        """redis-benchmark: commands a second, p99 in microseconds, processor microseconds a command."""
        before = os.times()
        out = self.run(
            [self.tool("redis-benchmark"), "--csv", "-p", port, "-r", 1000, *options, "-c", callers, "-n", count, *words], pinned=True)
        after = os.times()
        fields = [field.strip('"') for field in out.strip().splitlines()[-1].rsplit('","', 7)[1:]]
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        return float(fields[0]), float(fields[5]) * 1000, spent * 1e6 / count


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def wait_for(port, seconds=20):
    end = time.time() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.time() > end:
                raise
            time.sleep(0.02)
