#!/usr/bin/env python3
"""Measures three ways to make the same backup, in turn and side by side:

  bare    the engine alone, as a program of its own
  daemon  the same engine through backupctl, the bus, the daemon and its worker
  restic  stock restic

Each round makes a new repository, a first backup, a backup in which nothing has changed, and a restore. What is shown
are the medians of all rounds, and their ratios. Nothing is asserted: machines differ.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

PHASES = ["first backup", "unchanged backup", "restore"]
PEERS = ["bare", "daemon", "restic"]
PASSWORD = "benchmark"


def make_data(directory: Path, size: int, files: int) -> Path:
    """The same files on every machine: many small texts, fewer binaries, some that do not compress."""
    place = directory / f"data-{size >> 20}M-{files}"
    if (place / ".complete").exists():
        return place
    shutil.rmtree(place, ignore_errors=True)
    print(f"making {files} files of {size >> 20} MiB in {place}", flush=True)
    dice = random.Random(1)
    words = [dice.randbytes(dice.randint(2, 9)).hex().encode() for _ in range(4000)]
    # Nine of ten files are small; the tenth holds most of the bytes.
    weights = [dice.expovariate(1) * (40 if number % 10 == 0 else 1) for number in range(files)]
    scale = size / sum(weights)
    for number, weight in enumerate(weights):
        folder = place / f"{number % 97:02}" / f"{number % 13:02}"
        folder.mkdir(parents=True, exist_ok=True)
        length = max(1, int(weight * scale))
        if number % 3 == 0:
            content = dice.randbytes(length)
        else:
            block = b" ".join(dice.choices(words, k=min(2000, length // 8 + 1)))
            content = (block * (length // len(block) + 1))[:length]
        (folder / f"file-{number}").write_bytes(content)
    (place / ".complete").touch()
    return place


def run(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Runs a command to its end: seconds by the wall, seconds of CPU, and the most memory in MiB."""
    os.sync()
    begun = time.monotonic()
    with open(environment["BENCH_LOG"], "ab") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    if status:
        sys.exit(f"failed: {' '.join(command)}\n{Path(environment['BENCH_LOG']).read_text()[-2000:]}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}


class Daemon:
    """What the daemon took so far, and its workers."""

    def __init__(self, pid: int, times: Path) -> None:
        self.pid, self.times = pid, times

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def worker(self) -> tuple[float, float]:
        user, system, memory = self.times.read_text().splitlines()[-1].split()
        return float(user) + float(system), int(memory) / 1024

    def run(self, command: list[str], environment: dict[str, str]) -> dict[str, float]:
        """CPU is that of worker, daemon and client; memory is the worker's."""
        before = self.cpu()
        sample = run(command, environment)
        # The worker is over when its run is, and has left its line a moment later.
        time.sleep(0.2)
        cpu, memory = self.worker()
        sample["cpu"] += cpu + self.cpu() - before
        sample["memory"] = memory
        return sample


def one_round(peer: str, number: int, arguments: argparse.Namespace, data: Path, daemon: Daemon) -> dict:
    place = arguments.scratch / f"{peer}-{number}"
    place.mkdir()
    repository, target, password = place / "repository", place / "restored", place / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD, "BENCH_LOG": str(place / "log")}
    measure = run
    if peer == "bare":
        program = str(arguments.bare)
        prepare = [[program, "init", str(repository)]]
        backup = [program, "backup", str(repository), str(data)]
        restore = [program, "restore", str(repository), "latest", str(target)]
    elif peer == "restic":
        restic = ["restic", "-r", str(repository), "--cache-dir", str(place / "cache"), "--quiet"]
        prepare = [[*restic, "init"]]
        backup = [*restic, "backup", str(data)]
        restore = [*restic, "restore", "latest", "--target", str(target)]
    else:
        ctl, name = ["backupctl", "--user"], f"bench-{number}"
        measure = daemon.run
        prepare = [
            [*ctl, "repository", "add", name, "--init", "--url", str(repository), "--password-file", str(password)],
            # Neither of the others verifies: the same work is compared.
            [*ctl, "job", "create", name, "--repository", name, "--source", str(data), "--verify", "none"],
        ]
        backup = [*ctl, "start", name, "--wait"]
        restore = [*ctl, "restore", "latest", "--job", name, "--to", str(target), "--wait"]
    for command in prepare:
        run(command, environment)
    samples = {phase: measure(command, environment) for phase, command in zip(PHASES, [backup, backup, restore])}
    stored = sum(file.stat().st_size for file in repository.rglob("*") if file.is_file())
    if subprocess.run(["diff", "-rq", str(data), f"{target}{data}"], stdout=subprocess.DEVNULL).returncode:
        sys.exit(f"{peer} restored something else than it stored")
    shutil.rmtree(place)
    return {"samples": samples, "stored": stored}


def show(results: dict, daemon: Daemon, rounds: int) -> None:
    def median(peer: str, phase: str, what: str) -> float:
        return statistics.median(one["samples"][phase][what] for one in results[peer])

    print(f"\nmedians of {rounds} rounds; for `daemon`, CPU is that of worker, daemon and client, memory the worker's\n")
    print(f"{'':18}{'':8}{'bare':>10}{'daemon':>10}{'restic':>10}{'daemon/bare':>14}{'daemon/restic':>15}")
    for phase in PHASES:
        for what, unit, digits in [("wall", "s", 2), ("cpu", "s", 2), ("memory", "MiB", 0)]:
            bare, ours, restic = (median(peer, phase, what) for peer in PEERS)
            label = phase if what == "wall" else ""
            print(
                f"{label:18}{what:8}{bare:>10.{digits}f}{ours:>10.{digits}f}{restic:>10.{digits}f}"
                f"{ours / bare:>13.2f}x{ours / restic:>14.2f}x  {unit}"
            )
    sizes = [statistics.median(one["stored"] for one in results[peer]) / 2**20 for peer in PEERS]
    print(f"{'repository':18}{'size':8}{sizes[0]:>10.0f}{sizes[1]:>10.0f}{sizes[2]:>10.0f}"
          f"{sizes[1] / sizes[0]:>13.2f}x{sizes[1] / sizes[2]:>14.2f}x  MiB")
    print(f"\nthe daemon itself, over all rounds: {daemon.cpu():.2f} s of CPU, at most {daemon.memory():.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often; 3 unless given")
    parser.add_argument("--size", type=int, default=1024, help="MiB of data; 1024 unless given")
    parser.add_argument("--files", type=int, default=20000, help="number of files; 20000 unless given")
    parser.add_argument("--small", type=int, default=100000, help="small files for the engines; 100000 unless given")
    parser.add_argument("--snapshots", type=int, default=10000, help="snapshots for the engines; 10000 unless given")
    parser.add_argument("--json", type=Path, help="also write all samples into this file, and FILE.engines")
    for internal, kind in [("--scratch", Path), ("--data", Path), ("--bare", Path), ("--daemon", int)]:
        parser.add_argument(internal, type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.scratch is None:
        parser.error("start it by `make bench`, which provides the daemon")

    data = make_data(arguments.data, arguments.size << 20, arguments.files)
    daemon = Daemon(arguments.daemon, arguments.scratch / "worker.times")
    # All of them read from the same warm cache, and each is first once in a while.
    for file in data.rglob("*"):
        file.is_file() and file.read_bytes()
    results: dict[str, list] = {peer: [] for peer in PEERS}
    for number in range(arguments.rounds):
        turn = number % len(PEERS)
        for peer in PEERS[turn:] + PEERS[:turn]:
            outcome = one_round(peer, number, arguments, data, daemon)
            results[peer].append(outcome)
            shown = ", ".join(f"{phase} {outcome['samples'][phase]['wall']:.2f} s" for phase in PHASES)
            print(f"round {number + 1} of {arguments.rounds}, {peer}: {shown}", flush=True)
    show(results, daemon, arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
