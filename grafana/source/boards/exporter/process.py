"""The process: CPU, memory, files, clock."""

from ...panels import over_time
from .common import chosen, of_process, quarter


def cpu():
    used = f"rate({of_process('process_cpu_seconds_total')}[10m])"
    described = "Of one core, the mean of 10 minutes: the process counts whole seconds."
    return quarter("CPU", described, over_time(used, "{{instance}}"), unit="percentunit")


def memory():
    used = of_process("process_resident_memory_bytes")
    return quarter("Memory", "Resident set.", over_time(used, "{{instance}}"), unit="bytes")


def files():
    return quarter(
        "File descriptors",
        "Open; each client and each call needs one.",
        over_time(of_process("process_open_fds"), "{{instance}} open"),
        unit="none",
    )


def clock():
    return quarter(
        "Clock offset",
        "LivePerson's clock less ours, from the Date header of its answers. Beyond a minute "
        "this machine's clock is wrong: synchronise it.",
        over_time(chosen("liveperson_clock_offset_seconds"), "{{instance}} {{account}}"),
        unit="suffix:s",
        least=None,
    )
