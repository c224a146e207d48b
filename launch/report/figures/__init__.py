"""The figures of a report, one a file; each returns a sentence instead where there is nothing to draw."""
