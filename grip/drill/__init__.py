"""`grip drill`: breaks a gateway of its own on purpose, and proves that no money was lost.

    plan, steps, goods    from a seed to what is going to happen: pure
    engines, keeper       databases that nobody else uses, and the ways to trouble them
    surroundings, server  the real `grip serve` on one of them
    shop                  customers, and something to sell them
    client, crowd         who calls; each attempt is noted outside the gateway (`notes`)
    blows, scene          what strikes while they call, and the quiet afterwards
    reading               what the books say at the end (`evidence`)
    case, judge, purses   from notes and books to findings: pure
    report                from findings to the table: pure
    media                 media tasks in place of calls: a drill of its own
    run, interrupts       the order of all this, and its end

Refuses to read the operator's configuration and database, and to call anybody's upstream: the only
one is the sandbox.
"""
