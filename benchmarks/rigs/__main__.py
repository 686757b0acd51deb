"""python -m benchmarks.rigs"""

import sys

from benchmarks.rigs.run import main

if __name__ == "__main__":
    sys.exit(main())
