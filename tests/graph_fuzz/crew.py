"""The parent: workers side by side, each with its part of the numbers; goes on behind a graph that ended one, and adds up what they tell."""
import collections
import json
import subprocess
import sys
import threading
import time

import numpy as np


class Sums:
    """passed, failed, skipped, nodes; and what the workers tallied."""

    def __init__(self):
        self.lock, self.counts, self.next_note = threading.Lock(), np.zeros(4, int), 1000
        self.skips, self.unsure, self.ran, self.judged = collections.Counter(), collections.Counter(), collections.Counter(), 0

    def say(self, text):
        with self.lock:
            print(text, flush=True)

    def add(self, counts):
        with self.lock:
            self.counts += counts
            done = self.counts[:3].sum()
            if done >= self.next_note:
                print(f"{done}: {self.counts[0]} passed, {self.counts[1]} failed, {self.counts[2]} skipped", flush=True)
                self.next_note = done - done % 1000 + 1000

    def tally(self, told):
        with self.lock:
            self.skips.update(told["skips"])
            self.unsure.update(told["unsure"])
            self.ran.update(told["ran"])
            self.judged += told["judged"]


def command_of(args, *more):
    return [sys.executable, *sys.argv[:1], "--seed", str(args.seed), "--devices", args.devices, "--library", args.library, "--threads", str(args.threads), "--layout", args.layout, "--save", args.save,
            "--shrink", str(args.shrink), "--shrink-seconds", str(args.shrink_seconds), *more]


def listen(lines, sums):
    """Takes in what one worker tells. Gives the last number begun, or None: it came to its end."""
    at, before = None, np.zeros(4, int)
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "at":
            at = int(rest)
        elif word == "so":
            now = np.array([int(x) for x in rest.split()[1:]])
            sums.add(now - before)
            before = now
        elif word == "say":
            sums.say(json.loads(rest))
        elif word == "tally":
            sums.tally(json.loads(rest))
        elif word == "done":
            return None
        else:
            sums.say(line.rstrip())
    return at


def judged_alone(args, at, sums, code):
    """Of a graph that ended its worker: does it end the peer too? Else it is a failure, made small in children of its own."""
    if subprocess.run(command_of(args, "--only", str(at), "--peer"), check=False, capture_output=True).returncode < 0:
        sums.say(f"known {at}: the peer itself ends the process")
        sums.add(np.array([0, 0, 1, 0]))
        return
    told = subprocess.run(command_of(args, "--only", str(at), "--crash"), check=False, capture_output=True, text=True).stdout
    sums.say(f"FAILED graph {at} of seed {args.seed} ended the process: {code}\n{told}")
    sums.add(np.array([0, 1, 0, 0]))


def share(args, start, end, until, sums):
    while start < end and not (until and time.time() > until):
        left = ["--seconds", str(max(1, until - time.time()))] if until else []
        with subprocess.Popen(command_of(args, "--worker", "--start", str(start), "--count", str(end - start), *left), stdout=subprocess.PIPE, text=True) as p:
            at = listen(p.stdout, sums)
        if at is None:
            if p.returncode:
                sums.say(f"FAILED: a worker ended with {p.returncode} before its first graph")
                sums.add(np.array([0, 1, 0, 0]))
            return
        start = at + 1
        if p.returncode:  # else it gave up a device that a graph had ended, and said so
            judged_alone(args, at, sums, p.returncode)


def run(args):
    """All of args.start to args.start + args.count, or as many as args.seconds allow. Gives the sums."""
    sums, until = Sums(), time.time() + args.seconds if args.seconds else None
    edges = [args.start + args.count * k // args.jobs for k in range(args.jobs + 1)]
    threads = [threading.Thread(target=share, args=(args, a, b, until, sums)) for a, b in zip(edges, edges[1:])]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for why, n in sums.skips.most_common():
        print(f"skipped {n} times: {why}")
    for why, n in sums.unsure.most_common():
        print(f"{n} answers not judged, {sums.judged} judged: {why}")
    return sums
