"""A page and a picture of results."""

from html import escape


def write(results, directory):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.svg").write_text(picture(results))
    (directory / "results.md").write_text(text(results))
    print(f"written: {directory}/results.md and results.svg")


def text(results):
    facts = results["facts"]
    lines = [
        "# Results", "",
        f"Measured by `make bench` at {facts['time']} on {facts['machine']}, {facts['rounds']} rounds, commit {facts['commit']}. Ratios inside one run, so that",
        "the machine matters little: above 1 Baton does more, or needs more where the goal is an upper bound. A row that falls short of its goal is bold.", "",
        "![The ratios and their goals](results.svg)", "",
    ]
    section = None
    for row in results["rows"]:
        if row["section"] != section:
            section = row["section"]
            lines += ["", f"## {section}", "", "| what | ratio | least to greatest | goal | last |", "|---|---|---|---|---|"]
        goal = "" if row["goal"] is None else f"{'≥' if row['least'] else '≤'} {row['goal']}"
        median = f"{row['median']:.2f}{row['unit']}"
        lines.append(
            f"| {row['name']} | {median if row['met'] is not False else f'**{median}**'} | {row['low']:.2f} to {row['high']:.2f} | {goal} | {row['detail']} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def picture(results):
    """A bar for each row that has a goal: how far it goes towards it, on a scale on which the goal is the line in the middle."""
    rows = [row for row in results["rows"] if row["goal"]]
    height, left, width = 22, 430, 800
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width // 2 + 90}" height="{height * len(rows) + 50}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="18" fill="#555">how far each goal is reached; the line is the goal</text>',
    ]
    middle = left + width // 4
    for index, row in enumerate(rows):
        top = 30 + index * height
        reached = row["median"] / row["goal"] if row["least"] else row["goal"] / max(row["median"], 1e-9)
        length = min(reached, 2) * width / 4
        colour = "#2a7f4f" if row["met"] else "#c0603a"
        out.append(f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(row["name"])}</text>')
        out.append(f'<rect x="{left}" y="{top + 3}" width="{length:.1f}" height="{height - 8}" fill="{colour}"/>')
        sign = "≥" if row["least"] else "≤"
        out.append(f'<text x="{left + length + 6:.1f}" y="{top + 14}" fill="#333">{row["median"]:.2f} ({sign} {row["goal"]})</text>')
    out.append(f'<line x1="{middle}" x2="{middle}" y1="26" y2="{30 + len(rows) * height}" stroke="#222" stroke-dasharray="4 3"/>')
    return "\n".join(out) + "\n</svg>\n"
