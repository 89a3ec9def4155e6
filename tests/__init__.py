"""All tests."""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    # numpy and torch read these when they are imported. Test workers share the CPUs already, and the arrays are small:
    # more threads would cost several times the CPU time. Workers of the program set their own.
    os.environ.setdefault(_name, "1")
