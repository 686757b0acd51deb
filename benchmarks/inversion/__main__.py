"""python -m benchmarks.inversion"""

import sys

from benchmarks.inversion.run import main

if __name__ == "__main__":
    sys.exit(main())
