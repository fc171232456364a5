#!/usr/bin/env bash
# Shows what Baton promises: a conversation is replayed into a daemon, a second process follows it, the daemon is killed with -9 in
# the middle and started again, and in the end the follower has every event exactly once, in order.
#
#   Examples/quickstart.sh [BATON]     the binary; .build/release/baton or .build/debug/baton otherwise
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$here/../.build
baton=${1:-$build/release/baton}
[[ $# -gt 0 || -x $baton ]] || baton=$build/debug/baton
[[ -x $baton ]] || { echo "no binary at $baton; build it with: make build" >&2; exit 69; }

conversation=$here/conversation.jsonl
session=support/mira/case-20931
lines_a_batch=5
work=$(mktemp -d)
daemon="" follower=""
unset "${!BATON_@}"

cleanup() {
    for pid in $follower $daemon; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*" >&2
    [[ ! -s $work/daemon.log ]] || { echo "--- the daemon's log ends:" >&2; tail -n 20 "$work/daemon.log" >&2; }
    [[ ! -s $work/follower.log ]] || { echo "--- the follower's messages end:" >&2; tail -n 20 "$work/follower.log" >&2; }
    exit 1
}

# Tries a command every 50 ms, for 20 seconds.
eventually() {
    local attempt
    for ((attempt = 0; attempt < 400; attempt++)); do
        "$@" && return 0
        sleep 0.05
    done
    return 1
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 10000)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

port=$(free_port)
url=http://127.0.0.1:$port

is_ready() { curl --silent --fail --output /dev/null --max-time 2 "$url/readyz"; }

start_daemon() {
    "$baton" serve --listen "127.0.0.1:$port" --store "sqlite:$work/sessions.db" >>"$work/daemon.log" 2>&1 &
    daemon=$!
    eventually is_ready || fail "the daemon did not become ready"
}

# Appends a batch, all or nothing. A batch that was acknowledged is in the store; one that was not is sent again, with the same ids.
append() { timeout 5 "$baton" append --store "$url" --create "$session" <"$1" >>"$work/receipts.jsonl" 2>>"$work/append.log"; }

ids() { grep -o '"id":"ev-[0-9]*"' "$1" || true; }
followed_lines() { wc -l <"$work/followed.jsonl"; }
has_followed_all() { (($(followed_lines) >= total)); }

total=$(wc -l <"$conversation")
split --lines="$lines_a_batch" --numeric-suffixes --suffix-length=3 "$conversation" "$work/batch."
batches=("$work"/batch.*)
middle=$((${#batches[@]} / 2))

start_daemon
echo "daemon $daemon listens on $url"

append "${batches[0]}" || fail "the first batch was not accepted: $(cat "$work/append.log")"
"$baton" tail --store "$url" --after 0 --json "$session" >"$work/followed.jsonl" 2>"$work/follower.log" &
follower=$!
echo "process $follower follows the session"

for ((index = 1; index < ${#batches[@]}; index++)); do
    if ((index == middle)); then
        append "${batches[index]}" &
        append=$!
        kill -KILL "$daemon"
        wait "$daemon" 2>/dev/null || true
        outcome="acknowledged"
        wait "$append" || outcome="not acknowledged"
        echo "daemon $daemon was killed while batch $index was on its way: $outcome"
        start_daemon
        echo "daemon $daemon took over the file"
        [[ $outcome == acknowledged ]] || append "${batches[index]}" || fail "batch $index was refused on the second attempt"
        continue
    fi
    append "${batches[index]}" || fail "batch $index was refused: $(tail -n 3 "$work/append.log")"
done
# A client that cannot know whether it was heard says everything again.
append "$conversation" || fail "the repetition of the whole conversation was refused"

eventually has_followed_all || fail "the follower has $(followed_lines) of $total events"
"$baton" events --store "$url" --limit 1000 --json "$session" >"$work/stored.jsonl"
ids "$conversation" >"$work/expected"
ids "$work/stored.jsonl" | cmp -s - "$work/expected" || fail "the store does not hold every event once, in order"

# One more event, seen by the follower, proves that nothing else was on its way before it.
echo '{"id":"ev-999","author":"system","role":"system","type":"marker","content":"the end"}' >"$work/marker"
append "$work/marker" || fail "the marker was refused"
has_marker() { grep -q '"id":"ev-999"' "$work/followed.jsonl"; }
eventually has_marker || fail "the follower did not see the marker"
echo '"id":"ev-999"' >>"$work/expected"
ids "$work/followed.jsonl" >"$work/followed"
cmp -s "$work/followed" "$work/expected" || fail "the follower does not have every event once: $(diff "$work/expected" "$work/followed" | head -n 5)"
grep -o '"seq":[0-9]*' "$work/followed.jsonl" | cmp -s - <(seq -f '"seq":%.0f' 1 $((total + 1))) || fail "sequence numbers have holes"

kill -TERM "$daemon"
wait "$daemon" || fail "the daemon did not stop cleanly"
daemon=""
echo "the follower has all $total events of the conversation, each once, in order, across a kill -9"
