"""What Curbside serves over HTTP: health and metrics."""
