-- The clock that decides what is due; hosts may be skewed.
SELECT clock_timestamp()
