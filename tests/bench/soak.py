"""Load for many minutes, then none: whether the memory of a gateway comes back.

Prints the resident memory minute by minute. Refuses to call growth anything but growth.
"""

import time

from tests.bench import measuring, processes
from tests.bench.gateways import Gateway, Stand
from tests.bench.measuring import Load

_LOADS = (Load(clients=32, shape="whole"), Load(clients=32, shape="burst"))
_TOLERANCE = 1.05
_MINUTE_S = 60


def soak(stand: Stand, gateway: Gateway, minutes: int, minute_s: float) -> bool:
    """Load a gateway for so many minutes and leave it alone for one; return the verdict.

    Half of each minute are whole answers, half are streams. The memory after it must be at most 5%
    above what the first minute left.
    """
    length = "" if minute_s == _MINUTE_S else f" of {minute_s:g} s each, which says little"
    print(f"\n### Memory: {gateway.name}, 32 clients, {minutes} minutes of load{length}\n")
    print("| minute | requests/s | streams/s | errors | resident MB |")
    print("| --- | --- | --- | --- | --- |")
    with stand.room("soak") as folder, gateway.run(stand, folder) as session:
        resident = []
        for minute in range(1, minutes + 1):
            whole, burst = (
                measuring.measure(stand, session, load, minute_s / 2, stand.load_cores)
                for load in _LOADS
            )
            resident.append(processes.resident_mb(session.pids))
            errors = whole.errors + burst.errors
            figures = f"{whole.rate:,.0f} | {burst.rate:,.0f} | {errors}"
            print(f"| {minute} | {figures} | {resident[-1]:.1f} |", flush=True)
        time.sleep(minute_s)
        idle = processes.resident_mb(session.pids)
    print(f"| {minutes + 1}, idle | - | - | - | {idle:.1f} |")
    change = idle / resident[0] - 1
    is_back = idle <= _TOLERANCE * resident[0]
    verdict = "back within 5%" if is_back else "NOT back within 5%"
    print(f"\nResident memory is {verdict} of where the first minute left it ({change:+.1%}).")
    return is_back
