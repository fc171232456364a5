"""Compares Baton with what people use today, all on this machine, in turns, in one run.

    make bench ARGS="[--rounds 5] [--only PATTERN] [--list] [--save FILE] [--against FILE] [--page DIRECTORY]"

Every row is a ratio with its goal: the median over the rounds, and the least and the greatest. A row that cannot be measured here says why.
Results are kept in .build/bench, and the last ones are shown beside the new.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import bus, client, growth, page, sessions, sqlite, web  # noqa: E401
from table import Table
from workplace import Failed, Unavailable, Workplace

ROOT = Path(__file__).resolve().parents[2]


def main():
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5, help="how often each pair is measured (5)")
    arguments.add_argument("--only", default="", help="only rows whose name has this in it, a regular expression")
    arguments.add_argument("--list", action="store_true", help="show the rows and their goals, measure nothing")
    arguments.add_argument("--save", type=Path, help="where the results go; .build/bench/TIME.json without")
    arguments.add_argument("--against", type=Path, help="earlier results to compare with; the last ones without")
    arguments.add_argument("--page", type=Path, help="write results.md and results.svg there")
    options = arguments.parse_args()

    kept = ROOT / ".build/bench"
    kept.mkdir(parents=True, exist_ok=True)
    before = options.against or max(kept.glob("*.json"), default=None)
    table = Table(options.rounds, re.compile(options.only), json.loads(before.read_text()) if before else {}, lists=options.list)
    began, failed = time.time(), False
    with Workplace(ROOT) as place:
        for part in (client, sessions, bus, sqlite, web, growth):
            table.part(part.__doc__.splitlines()[0])
            try:
                part.measure(table, place)
            except Unavailable as reason:
                table.note(str(reason))
            except (Failed, subprocess.TimeoutExpired) as failure:
                failed = True
                table.note(f"failed: {failure}")
    if options.list:
        return 0
    facts = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)), "seconds": round(time.time() - began), "rounds": options.rounds,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}", "commit": commit(),
    }
    results = {"facts": facts, "rows": table.rows, "curves": table.curves}
    file = options.save or kept / (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(began)) + ".json")
    file.write_text(json.dumps(results, indent=1) + "\n")
    table.summary()
    print(f"kept in {file}")
    if options.page:
        page.write(results, options.page)
    return 1 if failed else 0


def commit():
    answer = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return answer.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
