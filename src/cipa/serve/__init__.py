"""A node behind a PACS: it receives studies, segments each once, and sends the results on."""
