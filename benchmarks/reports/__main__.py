"""python -m benchmarks.reports"""

import sys

from benchmarks.reports.run import main

if __name__ == "__main__":
    sys.exit(main())
