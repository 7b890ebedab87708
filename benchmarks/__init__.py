"""What nurture costs, measured: ``make bench``, or ``python -m benchmarks.run NAME...`` for some of it."""
