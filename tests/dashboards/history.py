#!/usr/bin/env python3
"""The history of a contact centre as OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`.

The tests of the dashboards ask it, and the pictures are drawn from it: a day and the same day a week
before, in a moment and without waiting. It has what the exporter serves for such a centre, from as
many replicas as are wanted, in calm or with an outage at its end.

    tests/dashboards/history.py --end 1790000000 --hours 24 --week-before >history.txt
"""

import argparse
import math
import random
import sys

LIMITS = [15, 30, 45, 60, 90, 120]
SKILLS = ["Sales", "Support", "Billing", "Returns", "Technical", "Retention", "Business", "Complaints"]
AGENTS = ["Ada", "Björn", "Chloé", "Dmitri", "Esra", "Femi", "Greta", "Hiro", "Ines", "Jonas", "Kemal", "Lena"]
WINDOWS = {"5m": 5, "1h": 60, "today": None}
STALE_AFTER = 5
BUCKETS = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0]


class Page:
    """Samples by family; a family's samples must stand together."""

    def __init__(self) -> None:
        self.families: dict[str, list[str]] = {}

    def add(self, name: str, labels: dict[str, str], points) -> None:
        lines = self.families.setdefault(name, [])
        escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in labels.values())
        series = name + "{" + ",".join(f'{k}="{v}"' for k, v in zip(labels, escaped, strict=True)) + "}"
        lines.extend(
            f"{series} {value:g} {at}" if abs(value) < 1e6 else f"{series} {value!r} {at}" for at, value in points
        )

    def write(self, out) -> None:
        # Without a type nothing is demanded of the samples.
        for lines in self.families.values():
            out.writelines(f"{line}\n" for line in lines)
        out.write("# EOF\n")


class Level:
    """What happened each minute to one id: chats by kind, handling, connected chats, waits by limit."""

    def __init__(self, minutes: int) -> None:
        self.interactive = [0] * minutes
        self.noninteractive = [0] * minutes
        self.handling = [0] * minutes
        self.connected = [0] * minutes
        self.waits = [[0] * minutes for _ in range(len(LIMITS) + 1)]

    def chat(self, minute: int, wait: float, handling: float) -> None:
        self.interactive[minute] += 1
        self.connected[minute] += 1
        self.handling[minute] += int(handling)
        for index, limit in enumerate(LIMITS):
            if wait <= limit:
                self.waits[index][minute] += 1
        self.waits[-1][minute] += 1


def sums(values: list[int]) -> list[int]:
    total, found = 0, [0]
    for value in values:
        total += value
        found.append(total)
    return found


def load(minute_of_day: int) -> float:
    """How busy it is, 0 to 1: a day from 8 to 20, with a peak before noon and one after."""
    hour = minute_of_day / 60
    day = math.exp(-((hour - 11) ** 2) / 6) + 0.9 * math.exp(-((hour - 15.5) ** 2) / 8)
    return 0.04 + day


class Account:
    """One account's history."""

    def __init__(self, args, number: int, start: int, minutes: int) -> None:
        self.draw = random.Random(args.seed * 100 + number)
        self.id = str(12345678 + number)
        self.name = ["Shop", "Outlet", "Travel", "Bank"][number % 4]
        self.start, self.minutes = start, minutes
        self.all = Level(minutes)
        self.skills = {str(101 + i): Level(minutes) for i in range(args.skills)}
        self.agents = {str(1001 + i): Level(minutes) for i in range(args.agents)}
        self.pairs: dict[tuple[str, str], Level] = {}
        for minute in range(minutes):
            self._minute(args, minute)

    def _minute(self, args, minute: int) -> None:
        busy = load(args.always_busy or (self.start // 60 + minute) % 1440)
        count = busy * args.chats_per_hour / 60
        count = int(count) + (self.draw.random() < count % 1)
        skills, agents = list(self.skills), list(self.agents)
        for _ in range(count):
            index = min(int(self.draw.expovariate(1.6) / 2.4 * len(skills)), len(skills) - 1)
            skill, agent = skills[index], agents[int(self.draw.random() ** 1.4 * len(agents))]
            wait = self.draw.expovariate(1 / (7 + 9 * busy * (1 + (index % 5) / 2)))
            handling = 150 + self.draw.expovariate(1 / 260)
            levels = [self.all, self.skills[skill], self.agents[agent]]
            levels.append(self.pairs.setdefault((skill, agent), Level(self.minutes)))
            for level in levels:
                level.chat(minute, wait, handling)
            if self.draw.random() < 0.17:
                for level in levels:
                    level.noninteractive[minute] += 1


def windows_of(level: Level, ids: dict, name: str, page: Page, times: list, base: dict, waits: bool) -> None:
    """The windows and running totals of one id."""
    interactive, noninteractive, handling, connected = (
        sums(v) for v in (level.interactive, level.noninteractive, level.handling, level.connected)
    )
    buckets = [sums(values) for values in level.waits] if waits else []
    limits = [f"{limit}.0" for limit in LIMITS] + ["+Inf"]
    for window, length in WINDOWS.items():
        if window == "5m" and "agent" in ids:
            continue
        labels = base | ids | {"window": window}

        def first(at: int, minute: int, length=length) -> int:
            if length is None:
                return max(0, minute - (at // 60) % 1440)
            # LivePerson begins a window at a mark of 5 minutes.
            begin = at - length * 60
            return max(0, minute - (at - begin // 300 * 300) // 60)

        def over(prefix, first=first):
            return [(at, prefix[minute] - prefix[first(at, minute)]) for at, minute in times]

        page.add(f"liveperson_window_{name}_chats", labels | {"kind": "interactive"}, over(interactive))
        page.add(f"liveperson_window_{name}_chats", labels | {"kind": "noninteractive"}, over(noninteractive))
        seconds = over(handling)
        page.add(f"liveperson_window_{name}_handling_seconds", labels | {"kind": "interactive"}, seconds)
        page.add(f"liveperson_window_{name}_connected_engagements", labels, over(connected))
        for limit, prefix in zip(limits, buckets, strict=False):
            bucket = f"liveperson_window_{name}_wait_seconds_bucket"
            page.add(bucket, labels | {"le": limit}, over(prefix))
        if buckets:
            page.add(f"liveperson_window_{name}_waited_chats", labels, over(buckets[-1]))
    totals_of(
        ids,
        name,
        page,
        times,
        base,
        (interactive, noninteractive, handling, connected),
        zip(limits, buckets, strict=False),
    )


def totals_of(ids, name, page, times, base, prefixes, buckets) -> None:
    def total(prefix):
        return [(at, prefix[minute]) for at, minute in times]

    interactive, noninteractive, handling, connected = prefixes
    labels = base | ids
    page.add(f"liveperson_{name}_chats_total", labels | {"kind": "interactive"}, total(interactive))
    page.add(f"liveperson_{name}_chats_total", labels | {"kind": "noninteractive"}, total(noninteractive))
    page.add(f"liveperson_{name}_handling_seconds_total", labels | {"kind": "interactive"}, total(handling))
    page.add(f"liveperson_{name}_connected_engagements_total", labels, total(connected))
    for limit, prefix in buckets:
        page.add(f"liveperson_{name}_wait_seconds_bucket", labels | {"le": limit}, total(prefix))


def about_the_exporter(args, account: Account, page: Page, base: dict, stamps: list[int], replica: int) -> None:
    draw, ids = random.Random(replica), base | {"account": account.id}
    outage = lambda at: at > args.end - args.outage * 60
    stale = lambda at: at > args.end - (args.outage - STALE_AFTER) * 60
    if account.name and not args.nameless:
        page.add("liveperson_account_info", ids | {"name": account.name}, [(at, 1) for at in stamps])
    for collector, api, interval in (("engagement_activity", "engactivity", 30), ("sla", "sla", 60)):
        labels = ids | {"collector": collector}
        since = lambda at, interval=interval: at - (interval // 2 + draw.random() * interval / 2)
        last_good = args.end - args.outage * 60
        page.add("liveperson_up", labels, [(at, 0 if outage(at) else 1) for at in stamps])
        good = [(at, min(since(at), last_good) if args.outage else since(at)) for at in stamps]
        page.add("liveperson_last_success_timestamp_seconds", labels, good)
        page.add(
            "liveperson_poll_duration_seconds", labels, [(at, interval * (0.8 + draw.random() / 10)) for at in stamps]
        )
        page.add("liveperson_poll_interval_seconds", labels, [(at, interval) for at in stamps])
        page.add("liveperson_poll_stretch_ratio", labels, [(at, 2.4 if outage(at) else 1) for at in stamps])
        page.add(
            "liveperson_series",
            labels,
            [(at, 0 if args.outage and stale(at) else 700 + 30 * len(collector)) for at in stamps],
        )
        page.add("liveperson_series_dropped", labels, [(at, 0) for at in stamps])
        skipped = count(stamps, lambda at: 0.4 if outage(at) else 0)
        page.add("liveperson_polls_skipped_total", labels, skipped)
        calls(args, page, ids | {"api": api}, stamps, outage, 60 / interval * 4)
        page.add("liveperson_totals_anchor_timestamp_seconds", labels, [(at, since(at) - 300) for at in stamps])
        page.add("liveperson_totals_lost_seconds_total", labels, [(at, 0) for at in stamps])
        page.add("liveperson_totals_corrections_total", labels, count(stamps, lambda at: 0.02))
    for api in ("token", "domain", "names"):
        calls(args, page, ids | {"api": api}, stamps, lambda at: False, 0.02)
    page.add("liveperson_api_backoff_seconds", ids, [(at, 480 - at % 480 if outage(at) else 0) for at in stamps])
    page.add("liveperson_clock_offset_seconds", ids, [(at, 0.2 + 0.1 * math.sin(at / 900)) for at in stamps])
    page.add("liveperson_totals_saved_timestamp_seconds", ids, [(at, at - at % 60) for at in stamps])
    page.add("liveperson_totals_save_failures_total", ids, [(at, 0) for at in stamps])


def count(stamps: list[int], rate) -> list:
    """A counter that grows by `rate` a minute."""
    total, found, last = 0.0, [], stamps[0]
    for at in stamps:
        total += rate(at) * (at - last) / 60
        last = at
        found.append((at, int(total)))
    return found


def calls(args, page: Page, ids: dict, stamps: list[int], outage, per_minute: float) -> None:
    good = count(stamps, lambda at: 0 if outage(at) else per_minute)
    page.add("liveperson_api_requests_total", ids | {"code": "200"}, good)
    if ids["api"] in ("sla", "engactivity"):
        throttled = stamps[0] + (stamps[-1] - stamps[0]) * 0.6
        refused = count(stamps, lambda at: 2 if throttled < at < throttled + 300 else 0)
        page.add("liveperson_api_requests_total", ids | {"code": "429"}, [p for p in refused if p[1]])
        failed = count(stamps, lambda at: 3 if outage(at) else 0)
        page.add("liveperson_api_requests_total", ids | {"code": "503"}, [p for p in failed if p[1]])
    for limit, share in zip(
        [*map(str, BUCKETS), "+Inf"], [0.1, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1, 1, 1, 1], strict=True
    ):
        points = [(at, round(value * share)) for at, value in good]
        page.add("liveperson_api_request_duration_seconds_bucket", ids | {"le": limit}, points)
    page.add("liveperson_api_response_bytes_total", ids, [(at, value * 2500) for at, value in good])
    page.add("liveperson_api_entries_ignored_total", ids, [(at, 0) for at, _ in good])


def about_the_process(args, page: Page, base: dict, stamps: list[int], replica: int) -> None:
    started = stamps[0] - 86400
    restart = stamps[0] + (stamps[-1] - stamps[0]) * (0.35 + 0.2 * replica)
    page.add("up", base, [(at, 1) for at in stamps])
    build = base | {"version": "0.1.0", "revision": "5d8edf5", "rust_version": "1.88.0"}
    page.add("liveperson_exporter_build_info", build, [(at, 1) for at in stamps])
    start = [(at, round(restart) if at > restart else started) for at in stamps]
    page.add("process_start_time_seconds", base, start)
    page.add("liveperson_exporter_config_last_reload_successful", base, [(at, 1) for at in stamps])
    reload = stamps[0] + (stamps[-1] - stamps[0]) * 0.8
    loaded = [(at, max(value, round(reload) + 7 * replica if at > reload else 0)) for at, value in start]
    page.add("liveperson_exporter_config_last_reload_success_timestamp_seconds", base, loaded)
    page.add("liveperson_exporter_web_config_last_reload_successful", base, [(at, 1) for at in stamps])
    shard = base | {"shard": "0"}
    page.add("liveperson_exporter_shards", shard, [(at, 1) for at in stamps])
    page.add("process_cpu_seconds_total", base, count(stamps, lambda at: 0.9))
    for name, value in (
        ("resident_memory_bytes", 21e6),
        ("virtual_memory_bytes", 9e7),
        ("open_fds", 17),
        ("max_fds", 1024),
        ("threads", 5),
    ):
        page.add(f"process_{name}", base, [(at, value * (1 + 0.01 * math.sin(at / 700))) for at in stamps])


def alerts(args, page: Page, account: Account, stamps: list[int]) -> None:
    """What Prometheus itself writes about alerts that fire. Each was pending for a minute."""
    since = args.end - args.outage * 60
    for name, severity, delay in (("LivePersonFailing", "warning", 2), ("LivePersonNoData", "critical", 6)):
        labels = {"alertname": name, "severity": severity, "account": account.id}
        firing = [(at, 1) for at in stamps if at > since + delay * 60]
        page.add("ALERTS", {"alertstate": "firing"} | labels, firing)
        page.add("ALERTS_FOR_STATE", labels, [(at, since + (delay - 1) * 60) for at, _ in firing])


def span(args, page: Page, start: int, end: int, last: bool) -> None:
    """One stretch of time without gaps, from all replicas."""
    # Long ago a sample every four minutes does: Prometheus takes one for the next five.
    recent = end - 3 * 3600 if last else end
    stamps = [*range(start, recent, 240), *range(recent, end + 1, args.step)]
    # The first hours are there to fill the windows.
    before = 0 if args.skills > 100 else start % 86400 // 60 + 60
    before = before or 60
    minutes = (end - start) // 60 + before + 1
    for number in range(args.accounts):
        account = Account(args, number, start - before * 60, minutes)
        served = stamps
        if last and args.outage:
            served = [at for at in stamps if at <= args.end - (args.outage - STALE_AFTER) * 60]
        times = [(at, (at - start) // 60 + before) for at in served]
        for replica in range(args.replicas):
            base = {"job": "liveperson", "instance": f"exporter-{replica + 1}:10188"}
            ids = base | {"account": account.id}
            windows_of(account.all, {}, "account", page, times, ids, True)
            for skill, level in account.skills.items():
                windows_of(level, {"skill": skill}, "skill", page, times, ids, True)
                index = int(skill) - 101
                name = SKILLS[index % 8] + (f" {index // 8 + 1}" if index >= 8 else "")
                if replica == 1 and index == 0 and last:
                    name = "Sales and orders"
                page.add("liveperson_skill_info", ids | {"skill": skill, "name": name}, [(at, 1) for at, _ in times])
            for agent, level in account.agents.items() if last else ():
                windows_of(level, {"agent": agent}, "agent", page, times, ids, False)
                index = int(agent) - 1001
                name = f"{AGENTS[index % 12]} {chr(65 + index // 12 % 26)}.{index // 312 or ''}"
                page.add("liveperson_agent_info", ids | {"agent": agent, "name": name}, [(at, 1) for at, _ in times])
            if args.pairs and last:
                for (skill, agent), level in account.pairs.items():
                    windows_of(level, {"skill": skill, "agent": agent}, "skill_agent", page, times, ids, False)
            for group in ("11", "12"):
                level = account.skills[str(int(group) + 90)]
                groups(level, {"group": group}, page, times, ids)
            about_the_exporter(args, account, page, base, stamps, replica)
        if last and args.outage:
            alerts(args, page, account, stamps)
    for replica in range(args.replicas):
        base = {"job": "liveperson", "instance": f"exporter-{replica + 1}:10188"}
        about_the_process(args, page, base, stamps, replica)


def groups(level: Level, ids: dict, page: Page, times: list, base: dict) -> None:
    """Groups have waits only."""
    whole = Page()
    windows_of(level, ids, "group", whole, times, base, True)
    for family, lines in whole.families.items():
        if "wait" in family:
            page.families.setdefault(family, []).extend(lines)
    page.add(
        "liveperson_group_info", base | ids | {"name": f"Team {int(ids['group']) - 10}"}, [(at, 1) for at, _ in times]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    number = lambda name, default, help: parser.add_argument(f"--{name}", type=int, default=default, help=help)
    number("end", 0, "when it ends, in seconds since the epoch")
    number("after", 0, "minutes that are written beyond the end, so that it is the present for a while")
    number("hours", 12, "how long it is")
    number("step", 60, "seconds between two samples")
    number("accounts", 1, "accounts")
    number("replicas", 2, "exporters of the same accounts; the second has another name for the first skill")
    number("skills", 8, "skills of each account")
    number("agents", 24, "agents of each account")
    number("chats-per-hour", 170, "chats of each account in a busy hour")
    number("outage", 0, "minutes since LivePerson fails, at its end")
    number("always-busy", 0, "minute of the day that it always is; 0: the day has its course")
    number("seed", 1, "number that determines everything")
    parser.add_argument("--week-before", action="store_true", help="the same hours a week before as well")
    parser.add_argument("--pairs", action="store_true", help="skill and agent as well")
    parser.add_argument("--nameless", action="store_true", help="accounts without a name")
    args = parser.parse_args()
    args.end -= args.end % args.step
    page = Page()
    start = args.end - args.hours * 3600
    if args.week_before:
        seed, outage = args.seed, args.outage
        args.seed, args.outage = seed + 1, 0
        span(args, page, start - 7 * 86400, args.end - 7 * 86400 + args.after * 60, last=False)
        args.seed, args.outage = seed, outage
    # What comes after the end belongs to the outage, if there is one.
    args.outage += args.after if args.outage else 0
    args.end += args.after * 60
    span(args, page, start, args.end, last=True)
    page.write(sys.stdout)


if __name__ == "__main__":
    main()
