"""The program on the box: what `fab` and cloud-init start there.

Its rule: Python 3.8, the standard library, nothing imported but itself, and `wire` for type checkers only. A host keeps
it as files, so that Python keeps its bytecode; user-data carries what a boot needs (`provision.bundle.program`).
"""
