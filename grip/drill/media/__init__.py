"""`grip drill --tasks`: media tasks whose workers are killed, and what must be true afterwards.

wares                  what is asked for, how each upstream behaves, how each may end: pure
upstream               who is asked: it outlives all workers, and notes each submission
hand, crew             the real worker, and several of them that are killed and replaced
stage                  customers and models on the scratch database, and tasks that begin
evidence, reading      what upstream, books and store say at the end
judge, telling         from that to findings, and to the table: pure
act                    the order of all this
"""
