"""Rows of ratios with goals, printed as they come."""

import statistics
import sys


class Table:
    def __init__(self, rounds, wanted, before, lists=False):
        self.count, self.wanted, self.lists = rounds, wanted, lists
        self.before = {row["name"]: row for row in before.get("rows", [])}
        self.rows, self.curves = [], []
        self.section = ""

    def part(self, title):
        self.section = title
        print(f"\n{title}", flush=True)

    def note(self, text):
        print(f"  not measured: {text}", flush=True)

    def wants(self, *names):
        """Whether any of the rows is asked for; lists them when nothing is to be measured."""
        return not self.lists and any(self.wanted.search(name) for name in names)

    def compare(self, name, goal, ours, theirs, least=True, rounds=None, unit="/s"):
        """A row of ratios of what `ours` gives to what `theirs` gives, measured in turns. `goal` is a bound from below, or from above."""
        if self.lists:
            return self.show_goal(name, goal, least)
        if not self.wanted.search(name):
            return
        pairs = []
        for number in range(rounds or self.count):
            # Who begins changes, so that a machine that gets slower is nobody's luck.
            if number % 2:
                own = ours()
                other = theirs()
            else:
                other = theirs()
                own = ours()
            pairs.append((own, other))
        self.add(name, goal, [own / other for own, other in pairs if other], least, f"{amount(pairs[-1][0])}{unit} against {amount(pairs[-1][1])}{unit}")

    def add(self, name, goal, values, least=True, detail="", unit=""):
        """A row of values that are there already."""
        if self.lists:
            return self.show_goal(name, goal, least)
        if not self.wanted.search(name) or not values:
            return
        median = statistics.median(values)
        met = None if goal is None else (median >= goal if least else median <= goal)
        row = {
            "section": self.section, "name": name, "goal": goal, "least": least, "median": round(median, 3), "low": round(min(values), 3),
            "high": round(max(values), 3), "met": met, "detail": detail, "unit": unit,
        }
        self.rows.append(row)
        print("  " + line(row, self.before.get(name)), flush=True)

    def show_goal(self, name, goal, least):
        bound = "" if goal is None else f"{'at least' if least else 'at most'} {goal}"
        print(f"  {name:<58} {bound}")

    def curve(self, name, unit, points):
        """A curve for the page: x and y."""
        if points:
            self.curves.append({"name": name, "unit": unit, "points": points})

    def summary(self):
        judged = [row for row in self.rows if row["met"] is not None]
        short = [row for row in judged if not row["met"]]
        print(f"\n{len(judged) - len(short)} of {len(judged)} goals met")
        for row in short:
            print(f"  short: {row['name']}: {row['median']:.2f}, the goal is {row['goal']}")
        sys.stdout.flush()


def amount(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def line(row, before):
    sign = {None: " ", True: "+", False: "-"}[row["met"]]
    goal = "" if row["goal"] is None else f"{'≥' if row['least'] else '≤'} {row['goal']}"
    change = ""
    if before and before["median"]:
        change = f"  {(row['median'] / before['median'] - 1) * 100:+.0f} %"
    return f"{sign} {row['name']:<58} {row['median']:8.2f}{row['unit']} ({row['low']:.2f} to {row['high']:.2f})  {goal:<8} {row['detail']}{change}"
