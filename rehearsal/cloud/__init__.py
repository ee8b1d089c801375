"""The AWS API of the rehearsal: moto over HTTP, wired to a `Hypervisor`, with a call log and faults on order.

Run it with `python -m rehearsal.cloud --state DIR`. In Python, `rehearsal.cloud.handle.Cloud` starts and queries it.
"""
