"""The de-identification engine: texts, images, documents. No Matrix, no database, no network."""
