"""Several nodes on one PostgreSQL and one wallet, with a disk that is slow on purpose.

A wallet that is locked while the disk flushes serves four nodes no better than one: a slow disk
shows that on few cores too. Refuses to say how many nodes are enough.
"""

from contextlib import ExitStack

from tests.bench import measuring, postgres, processes
from tests.bench.gateways import Session, Stand, node
from tests.bench.measuring import Load, Result
from tests.bench.postgres import Slowness

COUNT = 4
CLIENTS = 16
"""For each node."""

SLUG = "nodes"
RUNS = {"node": (1, CLIENTS), "node-crowd": (1, COUNT * CLIENTS), "nodes": (COUNT, COUNT * CLIENTS)}
"""How many nodes are asked by how many clients."""


def about(slowness: Slowness | None) -> str:
    """Return what is to be said of the disk."""
    sharing = "Nodes, server, upstream and load share all cores."
    if slowness is None:
        return f"{sharing} The server's disk is as it is."
    return (
        f"{sharing} Emulated: each fdatasync of the server takes {slowness.flush_ms:g} ms or more, "
        "by a preloaded library that waits after the real one."
    )


def measure(stand: Stand, seconds: float, slowness: Slowness | None) -> dict[str, Result]:
    """Return the result of each run, all of them on the same four nodes."""
    cores = frozenset(processes.all_cores())
    with ExitStack() as stack:
        folder = stack.enter_context(stand.room("nodes"))
        server = stack.enter_context(
            postgres.running(stand.server_folder, cores, slowness=slowness)
        )
        folders = [folder / str(one) for one in range(COUNT)]
        for one in folders:
            one.mkdir()
        config, keys = stand.books.postgres(folder, server)
        started = [stack.enter_context(node(config, cores, one, workers=1)) for one in folders]
        session = Session(
            ports=[port for port, _ in started],
            keys=keys,
            pids=[pid for _, pid in started],
            database_pids=[server.pid],
        )
        measuring.warm_up(stand, session, seconds / 2, all_wallets=False)
        return {name: _run(stand, session, name, seconds) for name in RUNS}


def _run(stand: Stand, session: Session, name: str, seconds: float) -> Result:
    count, clients = RUNS[name]
    asked = Session(
        ports=session.ports[:count],
        keys=session.keys,
        pids=session.pids[:count],
        database_pids=session.database_pids,
    )
    load = Load(clients=clients, shape="whole")
    return measuring.measure(stand, asked, load, seconds, cores=frozenset(processes.all_cores()))
