#!/usr/bin/env python3
"""Measures the two engines beside stock restic, in turn and side by side:

  restic           the restic program by itself
  embedded         the built-in engine, as a program of its own
  restic engine    the engine that leaves the work to the same restic program

Shown are the medians of all rounds as ratios to restic. Nothing is asserted: machines differ.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
from pathlib import Path

from bench import PASSWORD, make_data, run

PEERS = ["restic", "embedded", "restic engine"]
MIXED = ["first backup", "unchanged", "1 % changed", "check", "check, all data", "restore"]
SMALL = ["small files, first backup", "small files, unchanged"]
FORGET = ["forget 9 of 10 snapshots"]


def make_small(directory: Path, files: int) -> Path:
    """Files of a kibibyte and less, a hundred in a directory."""
    place = directory / f"small-{files}"
    if (place / ".complete").exists():
        return place
    shutil.rmtree(place, ignore_errors=True)
    print(f"making {files} small files in {place}", flush=True)
    dice = random.Random(2)
    for number in range(files):
        folder = place / f"{number // 10000:03}" / f"{number // 100 % 100:02}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"file-{number}").write_bytes(dice.randbytes(dice.randint(1, 512)).hex().encode())
    (place / ".complete").touch()
    return place


def change(data: Path, mark: str) -> None:
    """Each hundredth file gets another end."""
    files = sorted(file for file in data.rglob("*") if file.is_file() and file.name != ".complete")
    for file in files[::100]:
        with open(file, "ab") as out:
            out.write(mark.encode())


def commands(peer: str, bare: Path, place: Path) -> dict:
    """How each peer does what is measured."""
    repository = str(place / "repository")
    if peer == "restic":
        restic = ["restic", "-r", repository, "--cache-dir", str(place / "cache"), "--quiet"]
        return {
            "init": [*restic, "init"],
            "backup": [*restic, "backup"],
            "check": [*restic, "check"],
            "check, all data": [*restic, "check", "--read-data"],
            "restore": [*restic, "restore", "latest", "--target", str(place / "restored")],
            "forget": [*restic, "forget", "--group-by", "", "--keep-last"],
        }
    engine = [str(bare)] if peer == "embedded" else [str(bare), "--restic"]
    return {
        "init": [*engine, "init", repository],
        "backup": [*engine, "backup", repository],
        "check": [*engine, "check", repository],
        "check, all data": [*engine, "check", repository, "--read-data"],
        "restore": [*engine, "restore", repository, "latest", str(place / "restored")],
        "forget": [*engine, "forget", repository, str(place / "kept")],
    }


class Bench:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.samples: dict = {}

    def place(self, peer: str) -> Path:
        return self.arguments.scratch / peer.replace(" ", "-")

    def do(self, peer: str, what: str, command: list, measured: bool = True) -> None:
        environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD, "BENCH_LOG": str(self.place(peer) / "log")}
        environment["BENCH_CACHE"] = str(self.place(peer) / "cache")
        sample = run(command, environment)
        if measured:
            self.samples.setdefault(what, {}).setdefault(peer, []).append(sample)
            print(f"  {peer}: {what} {sample['wall']:.2f} s", flush=True)

    def turn(self, number: int) -> list:
        """Each is first once in a while."""
        first = number % len(PEERS)
        return PEERS[first:] + PEERS[:first]

    def begin(self) -> None:
        for peer in PEERS:
            shutil.rmtree(self.place(peer), ignore_errors=True)
            self.place(peer).mkdir(parents=True)

    def mixed(self, number: int, data: Path) -> None:
        self.begin()
        ways = {peer: commands(peer, self.arguments.bare, self.place(peer)) for peer in PEERS}
        for peer in self.turn(number):
            self.do(peer, "init", ways[peer]["init"], measured=False)
            for what in MIXED[:2]:
                self.do(peer, what, [*ways[peer]["backup"], str(data)])
        change(data, f"{number}")
        for peer in self.turn(number):
            self.do(peer, MIXED[2], [*ways[peer]["backup"], str(data)])
            for what in MIXED[3:]:
                self.do(peer, what, ways[peer][what])
            restored = f"{self.place(peer)}/restored{data}"
            if subprocess.run(["diff", "-rq", str(data), restored], stdout=subprocess.DEVNULL).returncode:
                raise SystemExit(f"{peer} restored something else than it stored")

    def small(self, number: int, data: Path) -> None:
        self.begin()
        for peer in self.turn(number):
            ways = commands(peer, self.arguments.bare, self.place(peer))
            self.do(peer, "init", ways["init"], measured=False)
            for what in SMALL:
                self.do(peer, what, [*ways["backup"], str(data)])

    def forget(self, number: int, many: Path) -> None:
        self.begin()
        keep = str(self.arguments.snapshots // 10)
        for peer in self.turn(number):
            subprocess.run(["cp", "-a", str(many), str(self.place(peer) / "repository")], check=True)
            self.do(peer, FORGET[0], [*commands(peer, self.arguments.bare, self.place(peer))["forget"], keep])

    def many(self) -> Path:
        """A repository with so many snapshots, made once."""
        place = self.arguments.data / f"snapshots-{self.arguments.snapshots}"
        if (place / "complete").exists():
            return place / "repository"
        shutil.rmtree(place, ignore_errors=True)
        (place / "source").mkdir(parents=True)
        (place / "source" / "file").write_text("the same each time")
        print(f"making a repository with {self.arguments.snapshots} snapshots", flush=True)
        bare = str(self.arguments.bare)
        environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD, "BENCH_LOG": str(place / "log")}
        run([bare, "init", str(place / "repository")], environment)
        count = str(self.arguments.snapshots)
        run([bare, "repeat", str(place / "repository"), str(place / "source"), count], environment)
        (place / "complete").touch()
        return place / "repository"

    def median(self, what: str, peer: str, unit: str) -> float:
        return statistics.median(sample[unit] for sample in self.samples[what][peer])

    def table(self) -> str:
        """In Markdown: of restic the figures, of the others what they are beside it."""
        lines = [
            "| | restic | embedded | restic engine |",
            "|---|---|---|---|",
        ]
        for what in [*MIXED, *SMALL, *FORGET]:
            if what not in self.samples:
                continue
            wall, cpu, memory = (self.median(what, "restic", unit) for unit in ["wall", "cpu", "memory"])
            cells = [f"{wall:.2f} s, {cpu:.2f} s CPU, {memory:.0f} MiB"]
            for peer in PEERS[1:]:
                ratios = [self.median(what, peer, unit) / self.median(what, "restic", unit) for unit in
                          ["wall", "cpu", "memory"]]
                cells.append("{:.2f}x, {:.2f}x CPU, {:.2f}x memory".format(*ratios))
            lines.append(f"| {what} | {' | '.join(cells)} |")
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often; 3 unless given")
    parser.add_argument("--size", type=int, default=1024, help="MiB of mixed data; 1024 unless given")
    parser.add_argument("--files", type=int, default=20000, help="number of its files; 20000 unless given")
    parser.add_argument("--small", type=int, default=100000, help="number of small files; 100000 unless given")
    parser.add_argument("--snapshots", type=int, default=10000, help="snapshots to choose from; 10000 unless given")
    parser.add_argument("--json", type=Path, help="also write all samples into this file")
    for internal in ["--scratch", "--data", "--bare"]:
        parser.add_argument(internal, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.scratch is None:
        parser.error("start it by `make bench`")

    bench = Bench(arguments)
    sets = [
        (bench.mixed, make_data(arguments.data, arguments.size << 20, arguments.files)),
        (bench.small, make_small(arguments.data, arguments.small)),
        (bench.forget, bench.many()),
    ]
    for measure, data in sets:
        # All of them read from the same warm cache.
        for file in data.rglob("*"):
            file.is_file() and file.read_bytes()
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", flush=True)
            measure(number, data)
    version = subprocess.run(["restic", "version"], capture_output=True, text=True).stdout.split(" compiled")[0]
    print(f"\nmedians of {arguments.rounds} rounds, {version}, {os.cpu_count()} processors\n\n{bench.table()}")
    if arguments.json:
        Path(f"{arguments.json}.engines").write_text(json.dumps(bench.samples, indent=1))


if __name__ == "__main__":
    main()
