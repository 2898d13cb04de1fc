"""One file per revision of the core's tables, written out by hand; released ones never change."""
