"""The second engine: figures of a few persons, recomputed from their events in loops.

It is a second opinion on the warehouse. So it shares no SQL and no code with the
models: plain Python, one person and one event after the other, slow and easy to check
by eye, fit for some thousands of events. Here belong the rules of sessions, days and
funnels as the README words them, and the comparison of two sets of figures. Here does
not belong which persons are drawn nor how their events are read (``reconciling``); what
a declared expression says of one single event is taken as given.
"""
